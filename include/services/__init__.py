"""The services of one machine, on loopback: Airflow, MLflow, the API, the dashboard, reports."""
