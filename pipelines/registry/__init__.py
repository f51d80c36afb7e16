"""The only door to MLflow, and the decisions about who serves."""
