"""Settings of the dashboard from the environment. Every name begins with BULLION_DASHBOARD_."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the dashboard listens, which API it reads, and where its links lead."""

    model_config = SettingsConfigDict(env_prefix="BULLION_DASHBOARD_", extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: int = Field(default=8501, ge=1, le=65535)
    """TCP port to listen on."""

    hosts: str = ""
    """Names by which browsers may reach it besides localhost, with commas."""

    api: str = "http://127.0.0.1:8000"
    """Address of the API."""

    key: SecretStr = SecretStr("")
    """Key for the API, where that has keys. It needs to read only."""

    airflow: str = "http://127.0.0.1:8080"
    """Address of Airflow, as browsers reach it. Empty: no links into Airflow."""

    mlflow: str = "http://127.0.0.1:5000"
    """Address of MLflow, as browsers reach it. Empty: no links into MLflow."""

    reports: str = "http://127.0.0.1:8001"
    """Address of Evidently's reports and the Data Docs, as browsers reach it. Empty: no links."""

    timeout_seconds: float = Field(default=10.0, gt=0)
    """For which an answer of the API is waited for."""

    fresh_seconds: float = Field(default=2.0, ge=0)
    """For which all sessions share an answer without another request."""

    cache_bytes: int = Field(default=128 * 1024 * 1024, ge=1024)
    """Of answers that are kept in memory."""

    @property
    def host_list(self) -> tuple[str, ...]:
        names = (name.strip() for name in self.hosts.split(",") if name.strip())
        return ("localhost", "127.0.0.1", self.host, *names)
