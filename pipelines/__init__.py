"""The core: sources, lake, bronze to silver to gold. It imports neither Airflow nor FastAPI."""
