"""The files of models without MLflow's library: verified ones beside the lake, else over HTTP.

Every file is hashed before anything else is done with it.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings

from pipelines.forecasts import TargetForecast
from pipelines.registry.decisions import ModelDecision
from pipelines.registry.mlflow import (
    FILE,
    UNUSABLE,
    Registry,
    RegistryError,
    UnsoundModel,
    model_name,
)
from pipelines.registry.model_files import LARGEST, read_model_file

TIMEOUT = 5.0  # seconds until MLflow counts as down
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
NAME_A_FILE = "name a path or a file:// URI of an ONNX file on this machine"


class PinnedFile(BaseSettings):
    """A model's file that is to serve whatever the lake's decisions say."""

    uri: str = Field(default="", validation_alias="MODEL_URI")
    """Path or file:// URI of an ONNX file."""

    sha256: str = Field(default="", validation_alias="BULLION_MODEL_SHA256")
    """What the file must be; without it the file is refused."""

    def body(self) -> bytes:
        """Read the file, and check that it has the SHA-256 that is set."""
        try:
            parts = urlsplit(self.uri)
        except ValueError as error:
            raise UnsoundModel(f"MODEL_URI is no URI: {error}", NAME_A_FILE) from error
        if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
            raise UnsoundModel("MODEL_URI is no file of this machine", NAME_A_FILE)
        if not self.sha256:
            raise UnsoundModel(
                "MODEL_URI is set without BULLION_MODEL_SHA256", "set it to the file's SHA-256"
            )
        path = Path(unquote(parts.path) if parts.scheme else self.uri)
        content = read_model_file(path, NAME_A_FILE)
        if sha256(content).hexdigest() != self.sha256.lower():
            raise UnsoundModel(
                f"the file of MODEL_URI has another SHA-256 than {self.sha256[:12]}",
                "set BULLION_MODEL_SHA256 to that of the file you trust",
            )
        return content


class ModelFiles(Registry):
    """The registry's model files, read without MLflow's library."""

    def body(self, forecast: TargetForecast, decision: ModelDecision) -> bytes:
        """Read and verify the file of a model that was decided on."""
        try:
            return self.copies.get(decision.sha256, lambda: self._fetch_file(forecast, decision))
        except OSError:  # a cache that cannot be written: the file is verified all the same
            path = self._cache_path(decision.sha256)
            content = (
                read_model_file(path, UNUSABLE)
                if path.is_file()
                else self._fetch_file(forecast, decision)
            )
            if sha256(content).hexdigest() != decision.sha256:
                raise UnsoundModel(
                    f"the model's file is not {decision.sha256[:12]}", UNUSABLE
                ) from None
            return content

    def has(self, decision: ModelDecision) -> bool:
        """Whether the model's file was verified here before."""
        return self._cache_path(decision.sha256).is_file()

    def _cache_path(self, digest: str) -> Path:
        return self.folder / "verified" / f"{digest}.onnx"

    def _fetch_file(self, forecast: TargetForecast, decision: ModelDecision) -> bytes:
        """Read a file from the store: over HTTP, or beside MLflow's SQLite file."""
        if urlsplit(self.uri).scheme in ("http", "https"):
            return self._download(forecast, decision)
        file = self._sqlite_file()
        if file is None or not decision.run_id:
            raise RegistryError(
                f"version {decision.model_version} was not verified here before, and "
                f"{urlsplit(self.uri).scheme or 'its store'} cannot be asked for it",
                "set MLFLOW_TRACKING_URI to MLflow's address, or score once: `bullion score`",
            )
        run_folder = file.parent / "artifacts" / forecast.name / decision.run_id
        return read_model_file(run_folder / "artifacts" / "model" / FILE, UNUSABLE)

    def _download(self, forecast: TargetForecast, decision: ModelDecision) -> bytes:
        import httpx

        name, number = model_name(forecast), str(decision.model_version)
        try:
            with httpx.Client(
                base_url=self.uri.rstrip("/"), timeout=TIMEOUT, **_credentials()
            ) as client:
                answer = client.get(
                    "/api/2.0/mlflow/model-versions/get", params={"name": name, "version": number}
                )
                if answer.status_code == 404:
                    raise UnsoundModel(f"{name} version {number} is not in MLflow", UNUSABLE)
                answer.raise_for_status()
                source = urlsplit(str(answer.json()["model_version"]["source"]))
                if source.scheme in ("", "file"):
                    return read_model_file(Path(unquote(source.path)) / FILE, UNUSABLE)
                if source.scheme != "mlflow-artifacts":
                    raise RegistryError(
                        f"{name} version {number} lies at {source.scheme}://, not behind MLflow",
                        "start MLflow's server with --serve-artifacts",
                    )
                return _read_stream(client, f"{ARTIFACTS}{source.path.strip('/')}/{FILE}")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise RegistryError(
                f"MLflow cannot give {name} version {number}: {type(error).__name__}",
                "check MLFLOW_TRACKING_URI, and that its server runs",
            ) from error


def _read_stream(client: Any, path: str) -> bytes:
    """Download a file that is not larger than a model may be."""
    content = bytearray()
    with client.stream("GET", path) as answer:
        answer.raise_for_status()
        for part in answer.iter_bytes():
            content += part
            if len(content) > LARGEST:
                raise UnsoundModel(f"the model's file is larger than {LARGEST:,} bytes", UNUSABLE)
    return bytes(content)


def _credentials() -> dict[str, Any]:
    """Return the credentials that MLflow's own client would take from the environment."""
    token, user = (
        os.environ.get("MLFLOW_TRACKING_TOKEN"),
        os.environ.get("MLFLOW_TRACKING_USERNAME"),
    )
    if token:
        return {"headers": {"Authorization": f"Bearer {token}"}}
    if user:
        return {"auth": (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))}
    return {}
