"""Settings of the services, and their secrets. Every name begins with BULLION_."""

from __future__ import annotations

import base64
import json
import os
import secrets
from functools import cached_property
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import ROOT, read_settings

HOST = "127.0.0.1"
FOLDERS = ("airflow", "logs", "mlflow", "run")


class Services(BaseSettings):
    """Where the services store their files, and on which ports of 127.0.0.1 they listen."""

    model_config = SettingsConfigDict(env_prefix="BULLION_", extra="ignore", frozen=True)

    home: Path = ROOT / "data_lake"
    """The folder of everything that runs: lake, Airflow, MLflow, logs, secrets."""

    airflow_port: int = Field(default=8080, ge=1, le=65535)
    """Port of the Airflow UI and its REST API."""

    mlflow_port: int = Field(default=5000, ge=1, le=65535)
    """Port of MLflow."""

    api_port: int = Field(default=8000, ge=1, le=65535)
    """Port of the read API."""

    dashboard_port: int = Field(default=8501, ge=1, le=65535)
    """Port of the dashboard."""

    pages_port: int = Field(default=8001, ge=1, le=65535)
    """Port of the pages: Evidently's reports and the Data Docs."""

    lineage: str = ""
    """Where OpenLineage events go, as its provider's `transport` in JSON; empty: nowhere."""

    stream: str = Field(default="", pattern="^(sample|oanda)?$")
    """Whose live prices `make up` follows: sample or oanda; empty: nobody's."""

    stream_symbols: str = ""
    """The symbols of that stream, by commas; empty: those of the forecasts on minutes."""

    stream_speed: float = Field(default=1.0, ge=1)
    """How fast the sample's time goes in that stream; 60 is an hour a minute."""

    def folder(self, name: str) -> Path:
        """Return a folder below home; create it if it is missing."""
        folder = self.home.absolute() / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def ports(self) -> dict[str, int]:
        """Return the value of each port, by the name of its setting."""
        names = ("airflow_port", "mlflow_port", "api_port", "dashboard_port", "pages_port")
        return {f"BULLION_{name.upper()}": getattr(self, name) for name in names}

    def url(self, part: str) -> str:
        """The address of `dashboard`, `airflow`, `mlflow`, `api` or `pages`."""
        return f"http://{HOST}:{getattr(self, f'{part}_port')}"

    @cached_property
    def secrets(self) -> dict[str, str]:
        """Return passwords and keys, created once, from a file that only its owner can read."""
        file = self.home.absolute() / "secrets.json"
        stored = json.loads(file.read_text()) if file.exists() else {}
        generated = {
            "admin": secrets.token_urlsafe(15),
            "api_secret": secrets.token_urlsafe(32),
            "jwt_secret": secrets.token_urlsafe(64),
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "supervisor": secrets.token_urlsafe(32),
        }
        if generated.keys() - stored.keys():
            stored = generated | stored
            write_private(file, json.dumps(stored, indent=2))
        return stored


def services() -> Services:
    """Read the settings from the environment; refuse two equal ports."""
    config = read_settings(Services)
    names: dict[int, str] = {}
    for name, port in config.ports.items():
        if port in names:
            raise InvalidRequest(f"{name} and {names[port]} are both {port}", f"change {name}")
        names[port] = name
    return config


def write_private(file: Path, text: str) -> None:
    """Replace a file atomically by one that only its owner can read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new_file = file.with_name(f".{file.name}.{os.getpid()}")
    new_file.unlink(missing_ok=True)
    with os.fdopen(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    new_file.replace(file)
