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

    pages_port: int = Field(default=8001, ge=1, le=65535)
    """Port of the pages: Evidently's reports and the Data Docs."""

    def folder(self, name: str) -> Path:
        """Return a folder below home; create it if it is missing."""
        folder = self.home.absolute() / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def ports(self) -> dict[str, int]:
        """Return the value of each port, by the name of its setting."""
        names = ("airflow_port", "mlflow_port", "api_port", "pages_port")
        return {f"BULLION_{name.upper()}": getattr(self, name) for name in names}

    def url(self, part: str) -> str:
        """The address of `airflow`, `mlflow`, `api` or `pages`."""
        return f"http://{HOST}:{getattr(self, f'{part}_port')}"

    @cached_property
    def secrets(self) -> dict[str, str]:
        """Return passwords and keys, created once, from a file that only its owner can read."""
        file = self.home.absolute() / "secrets.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        fresh = {
            "admin": secrets.token_urlsafe(15),
            "api_secret": secrets.token_urlsafe(32),
            "jwt_secret": secrets.token_urlsafe(64),
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "supervisor": secrets.token_urlsafe(32),
        }
        if fresh.keys() - known.keys():
            known = fresh | known
            write_private(file, json.dumps(known, indent=2))
        return known


def services() -> Services:
    """Read the settings from the environment; refuse two equal ports."""
    config = read_settings(Services)
    taken: dict[int, str] = {}
    for name, port in config.ports.items():
        if port in taken:
            raise InvalidRequest(f"{name} and {taken[port]} are both {port}", f"change {name}")
        taken[port] = name
    return config


def write_private(file: Path, text: str) -> None:
    """Replace a file atomically by one that only its owner can read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)
