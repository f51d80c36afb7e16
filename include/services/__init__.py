"""The services of one machine: Airflow, MLflow, the API and the report pages, on loopback."""
