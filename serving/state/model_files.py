"""The files of models without MLflow's library: verified ones beside the lake, else over HTTP.

Whatever is found is hashed before anything else is done with it.
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


class Pinned(BaseSettings):
    """A model's file that is to serve whatever the lake's decisions say."""

    uri: str = Field(default="", validation_alias="MODEL_URI")
    """Path or file:// URI of an ONNX file."""

    sha256: str = Field(default="", validation_alias="BULLION_MODEL_SHA256")
    """What the file must be; without it the file is refused."""

    def body(self) -> bytes:
        """The file, if it is what was told."""
        try:
            place = urlsplit(self.uri)
        except ValueError as error:
            raise UnsoundModel(f"MODEL_URI is no URI: {error}", NAME_A_FILE) from error
        if place.scheme not in ("", "file") or place.netloc not in ("", "localhost"):
            raise UnsoundModel("MODEL_URI is no file of this machine", NAME_A_FILE)
        if not self.sha256:
            raise UnsoundModel(
                "MODEL_URI is set without BULLION_MODEL_SHA256", "set it to the file's SHA-256"
            )
        found = read_model_file(
            Path(unquote(place.path) if place.scheme else self.uri), NAME_A_FILE
        )
        if sha256(found).hexdigest() != self.sha256.lower():
            raise UnsoundModel(
                f"the file of MODEL_URI has another SHA-256 than {self.sha256[:12]}",
                "set BULLION_MODEL_SHA256 to that of the file you trust",
            )
        return found


class Files(Registry):
    """The registry's files, found without its library."""

    def body(self, forecast: TargetForecast, decision: ModelDecision) -> bytes:
        """The file of a model that was decided on."""
        try:
            return self.copies.get(decision.sha256, lambda: self._found(forecast, decision))
        except OSError:  # a cache that cannot be written: the file is verified all the same
            kept = self._cached(decision.sha256)
            found = (
                read_model_file(kept, UNUSABLE)
                if kept.is_file()
                else self._found(forecast, decision)
            )
            if sha256(found).hexdigest() != decision.sha256:
                raise UnsoundModel(
                    f"the model's file is not {decision.sha256[:12]}", UNUSABLE
                ) from None
            return found

    def has(self, decision: ModelDecision) -> bool:
        """Whether its file was verified before."""
        return self._cached(decision.sha256).is_file()

    def _cached(self, digest: str) -> Path:
        return self.folder / "verified" / f"{digest}.onnx"

    def _found(self, forecast: TargetForecast, decision: ModelDecision) -> bytes:
        if urlsplit(self.uri).scheme in ("http", "https"):
            return self._over_http(forecast, decision)
        file = self._sqlite_file()
        if file is None or not decision.run_id:
            raise RegistryError(
                f"version {decision.model_version} was not verified here before, and "
                f"{urlsplit(self.uri).scheme or 'its store'} cannot be asked for it",
                "set MLFLOW_TRACKING_URI to MLflow's address, or score once: `bullion score`",
            )
        run = file.parent / "artifacts" / forecast.name / decision.run_id
        return read_model_file(run / "artifacts" / "model" / FILE, UNUSABLE)

    def _over_http(self, forecast: TargetForecast, decision: ModelDecision) -> bytes:
        import httpx

        name, number = model_name(forecast), str(decision.model_version)
        try:
            with httpx.Client(
                base_url=self.uri.rstrip("/"), timeout=TIMEOUT, **_credentials()
            ) as client:
                told = client.get(
                    "/api/2.0/mlflow/model-versions/get", params={"name": name, "version": number}
                )
                if told.status_code == 404:
                    raise UnsoundModel(f"{name} version {number} is not in MLflow", UNUSABLE)
                told.raise_for_status()
                source = urlsplit(str(told.json()["model_version"]["source"]))
                if source.scheme in ("", "file"):
                    return read_model_file(Path(unquote(source.path)) / FILE, UNUSABLE)
                if source.scheme != "mlflow-artifacts":
                    raise RegistryError(
                        f"{name} version {number} lies at {source.scheme}://, not behind MLflow",
                        "start MLflow's server with --serve-artifacts",
                    )
                return _download(client, f"{ARTIFACTS}{source.path.strip('/')}/{FILE}")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise RegistryError(
                f"MLflow cannot give {name} version {number}: {type(error).__name__}",
                "check MLFLOW_TRACKING_URI, and that its server runs",
            ) from error


def _download(client: Any, path: str) -> bytes:
    got = bytearray()
    with client.stream("GET", path) as answer:
        answer.raise_for_status()
        for part in answer.iter_bytes():
            got += part
            if len(got) > LARGEST:
                raise UnsoundModel(f"the model's file is larger than {LARGEST:,} bytes", UNUSABLE)
    return bytes(got)


def _credentials() -> dict[str, Any]:
    """As MLflow's own client takes them from the environment."""
    token, user = (
        os.environ.get("MLFLOW_TRACKING_TOKEN"),
        os.environ.get("MLFLOW_TRACKING_USERNAME"),
    )
    if token:
        return {"headers": {"Authorization": f"Bearer {token}"}}
    if user:
        return {"auth": (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))}
    return {}
