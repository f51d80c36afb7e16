"""The only door to MLflow: runs, registered models and their aliases.

A model is an ONNX file with its SHA-256 in the version's tags. Whatever is loaded is hashed
first: a file that is not what was registered is refused, and nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from pipelines.errors import BullionError, InvalidRequest, unknown
from pipelines.settings import ROOT

if TYPE_CHECKING:
    from mlflow import MlflowClient

STAGING, PRODUCTION = "Staging", "Production"
ALIASES = (STAGING, PRODUCTION)
FILE = "model.onnx"
DEFAULT = ROOT / "data_lake" / "mlflow"


class RegistryError(BullionError):
    """The registry cannot be reached, or holds something else than was registered."""


@dataclass(frozen=True)
class Version:
    """One registered model."""

    name: str
    version: int
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    source: str

    @property
    def sha256(self) -> str:
        return self.tags.get("sha256", "")


@dataclass(frozen=True)
class Loaded:
    """A model whose file is what was registered."""

    version: Version
    body: bytes


class Registry:
    """Runs and models at MLFLOW_TRACKING_URI, or in a SQLite file beside the lake."""

    def __init__(self, uri: str | None = None, folder: Path | None = None) -> None:
        self.folder = folder or DEFAULT
        told = uri or os.environ.get("MLFLOW_TRACKING_URI")
        self.uri = told or f"sqlite:///{self.folder / 'mlflow.db'}"

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client, with the store made by one process alone: several at once fail."""
        # A server that is down is told within seconds, not after minutes of trying.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow import MlflowClient

        with reached(self.uri), self._alone():
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            client.search_experiments(max_results=1)
        return client

    def _alone(self) -> AbstractContextManager[object]:
        """The turn to make a SQLite store; a server makes its own."""
        from filelock import FileLock

        file = self._sqlite_file()
        if file is None:
            return nullcontext()
        file.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(file.with_name(file.name + ".lock"), timeout=120)

    def _sqlite_file(self) -> Path | None:
        if urlparse(self.uri).scheme != "sqlite":
            return None
        return Path(self.uri.removeprefix("sqlite:///"))

    def experiment(self, name: str) -> str:
        """The id of the experiment of that name, made if it is not there."""
        from mlflow.exceptions import MlflowException

        with reached(self.uri):
            found = self.client.get_experiment_by_name(name)
            if found is not None:
                return str(found.experiment_id)
            file = self._sqlite_file()
            # A server knows where its artifacts go; without one they lie beside the database.
            place = (file.parent / "artifacts" / name).absolute().as_uri() if file else None
            try:
                return str(self.client.create_experiment(name, artifact_location=place))
            except MlflowException:  # another process was first
                made = self.client.get_experiment_by_name(name)
                if made is None:
                    raise
                return str(made.experiment_id)

    def register(self, name: str, body: bytes, run_id: str, tags: Mapping[str, Any]) -> Version:
        """Keep a model's file with its run, read it back, and only then make it a version.

        It is Staging's from then on. What fails before leaves no version and no alias behind.
        """
        digest = hashlib.sha256(body).hexdigest()
        with reached(self.uri):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / FILE
                file.write_bytes(body)
                self.client.log_artifact(run_id, str(file), "model")
            source = f"{self.client.get_run(run_id).info.artifact_uri}/model"
            if hashlib.sha256(self._fetch(source)).hexdigest() != digest:
                raise RegistryError(
                    f"{source} is not what was just written", "check the disk of the artifacts"
                )
            self._ensure(name)
            kept = {key: str(value) for key, value in tags.items()} | {"sha256": digest}
            made = self.client.create_model_version(name, source, run_id, tags=kept)
            self.client.set_registered_model_alias(name, STAGING, made.version)
        return self.version(name, int(made.version))

    def _ensure(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def point(self, name: str, alias: str, version: int) -> Version:
        """Give an alias to a version, once its file has been found sound."""
        if alias not in ALIASES:
            raise unknown("alias", alias, ALIASES)
        loaded = self.load(name, version)
        before = self.holder(name, alias)
        with reached(self.uri):
            self.client.set_registered_model_alias(name, alias, str(version))
            if before is not None and before.version != version:
                self.client.set_model_version_tag(name, str(before.version), "archived", "true")
            self.client.set_model_version_tag(name, str(version), "archived", "false")
        return loaded.version

    def versions(self, name: str) -> list[Version]:
        """Every version of a model, newest first."""
        quoted = name.replace("'", "")
        with reached(self.uri):
            found = self.client.search_model_versions(f"name = '{quoted}'", max_results=1000)
            numbers = sorted((int(one.version) for one in found), reverse=True)
        return [self.version(name, number) for number in numbers]

    def version(self, name: str, number: int) -> Version:
        with reached(self.uri):
            found = self.client.get_model_version(name, str(number))
        return Version(
            name,
            int(found.version),
            str(found.run_id),
            dict(found.tags),
            tuple(found.aliases),
            str(found.source),
        )

    def holder(self, name: str, alias: str) -> Version | None:
        """The version that has an alias, or None while none has."""
        from mlflow.exceptions import MlflowException

        with reached(self.uri):
            try:
                found = self.client.get_model_version_by_alias(name, alias)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
        return self.version(name, int(found.version))

    def load(self, name: str, version: int) -> Loaded:
        """A version's file, refused unless it is what was registered."""
        known = self.version(name, version)
        with reached(self.uri):
            body = self._fetch(known.source)
        if hashlib.sha256(body).hexdigest() != known.sha256:
            raise RegistryError(
                f"{name} version {version} is not what was registered: its SHA-256 differs",
                "do not use it; train again, or roll back: `bullion rollback`",
            )
        return Loaded(known, body)

    def _fetch(self, source: str) -> bytes:
        import mlflow

        with tempfile.TemporaryDirectory() as folder:
            got = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{source}/{FILE}", dst_path=folder, tracking_uri=self.uri
            )
            return Path(got).read_bytes()


@contextmanager
def reached(uri: str) -> Iterator[None]:
    """MLflow's failures in our words."""
    from mlflow.exceptions import MlflowException, RestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except RestException as error:
        raise RegistryError(f"MLflow at {uri} refuses: {error}", "see its own log") from error
    except MlflowException as error:
        missing = error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
        if missing:
            raise InvalidRequest(str(error), "`bullion models` lists what there is") from error
        raise RegistryError(
            f"MLflow at {uri} cannot be used: {error}",
            "check MLFLOW_TRACKING_URI, that its server runs, and the space left on its disk",
        ) from error
    except (OSError, SQLAlchemyError) as error:
        raise RegistryError(
            f"MLflow at {uri} cannot be used: {error}",
            "check MLFLOW_TRACKING_URI, that its server runs, and the space left on its disk",
        ) from error
