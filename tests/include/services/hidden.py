"""Secrets that are set around the services, and which part may see which."""

from __future__ import annotations

STORE = {"AWS_ACCESS_KEY_ID": "hidden-1", "AWS_SECRET_ACCESS_KEY": "hidden-2"}

OUTER = STORE | {
    "BULLION_LAKE_CATALOG": "postgres:host=db user=lake password=hidden-3",
    "BULLION_SMTP": "smtps://me:hidden-4@mail.example.org",
    "BULLION_API_KEYS": "hidden-5",
    "FINNHUB_API_KEY": "hidden-6",
    "BULLION_DASHBOARD_KEY": "hidden-7",
    "BULLION_OANDA_TOKEN": "hidden-8",
}

SECRETS_OF = {
    "airflow": {"hidden-1", "hidden-2", "hidden-3", "hidden-4", "hidden-6", "hidden-8"},
    "api": {"hidden-1", "hidden-2", "hidden-3", "hidden-5"},
    "mlflow": set[str](),
    "dashboard": {"hidden-7"},
    "pages": set[str](),
    "stream": {"hidden-1", "hidden-2", "hidden-3", "hidden-8", "admin"},
}

OF_AIRFLOW = ("api_secret", "jwt_secret", "fernet_key")
