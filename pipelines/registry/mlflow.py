"""The only door to MLflow: runs, registered models and their aliases.

A model is an ONNX file with its SHA-256 in the version's tags. Whatever is loaded is hashed
first: a file that is not what was registered is refused, and nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from pipelines.core.errors import BullionError, InvalidRequest, unknown, writing_to
from pipelines.core.settings import ROOT
from pipelines.forecasts import TargetForecast
from pipelines.registry.artifacts import FILE, fetch_artifact, has_artifact
from pipelines.registry.errors import UNUSABLE, RegistryError, UnsoundModel, mlflow_errors
from pipelines.registry.verified_files import VerifiedFiles
from pipelines.registry.versions import AliasState, ModelVersion, VerifiedModel

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

STAGING, PRODUCTION = "Staging", "Production"
ALIASES = (STAGING, PRODUCTION)
ALIAS_TAG = "bullion."  # begins the tag that says where Bullion last pointed an alias
DEFAULT_FOLDER = ROOT / "data_lake" / "mlflow"
MOST_VERSIONS = 1000  # listed of one model, the newest

__all__ = [
    "ALIASES", "FILE", "PRODUCTION", "STAGING", "UNUSABLE", "AliasState", "ModelVersion",
    "Registry", "RegistryError", "UnsoundModel", "VerifiedModel", "mlflow_errors", "model_name",
]  # fmt: skip


def model_name(forecast: TargetForecast) -> str:
    """The name that the models of a forecast's target are registered under."""
    return f"{forecast.name}.{forecast.label.name}"


class Registry:
    """Runs and models at MLFLOW_TRACKING_URI, or in a SQLite file beside the lake."""

    def __init__(self, uri: str | None = None, folder: Path | None = None) -> None:
        address = uri or (None if folder else os.environ.get("MLFLOW_TRACKING_URI"))
        self.uri = address or f"sqlite:///{(folder or DEFAULT_FOLDER) / 'mlflow.db'}"
        file = self._sqlite_file()
        self.folder = folder or (file.parent if file else DEFAULT_FOLDER)
        self.copies = VerifiedFiles(self.folder / "verified")

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client; its store is created by one process alone, as several at once fail."""
        # A server that is down is noticed within seconds, not after minutes of trying.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow import MlflowClient

        logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs each table it creates
        # It logs the traceback of each error that it also raises, which `mlflow_errors` explains.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        with mlflow_errors(self.uri), self._store_lock():
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            client.search_experiments(max_results=1)
        return client

    def _store_lock(self) -> AbstractContextManager[object]:
        """A lock on creating a SQLite store; a server creates its own."""
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

    def version_page(self, name: str, version: int) -> str:
        """The address of a version's page; for a SQLite file, the command that shows it."""
        if urlparse(self.uri).scheme in ("http", "https"):
            return f"{self.uri.rstrip('/')}/#/models/{name}/versions/{version}"
        return f"mlflow ui --backend-store-uri {self.uri}, then {name} version {version}"

    def experiment(self, name: str) -> str:
        """Return the id of the experiment of that name; create it if it is not there."""
        from mlflow.exceptions import MlflowException

        with mlflow_errors(self.uri):
            experiment = self.client.get_experiment_by_name(name)
            if experiment is not None:
                return str(experiment.experiment_id)
            file = self._sqlite_file()
            # A server knows where its artifacts go; without one they lie beside the database.
            place = (file.parent / "artifacts" / name).absolute().as_uri() if file else None
            try:
                return str(self.client.create_experiment(name, artifact_location=place))
            except MlflowException:  # another process was first
                experiment = self.client.get_experiment_by_name(name)
                if experiment is None:
                    raise
                return str(experiment.experiment_id)

    def register(
        self,
        name: str,
        body: bytes,
        run_id: str,
        tags: Mapping[str, Any],
        *,
        staging: bool = True,
        above: int = 0,
    ) -> ModelVersion:
        """Log a model's file with its run, read it back, and only then register it as a version.

        With `staging` the alias Staging points to it from then on. A failure before that leaves no
        version and no alias behind. The version is higher than `above`, the highest that the lake
        knows: a new store of MLflow counts from 1 again, and no number may mean two models.
        """
        digest = hashlib.sha256(body).hexdigest()
        with mlflow_errors(self.uri):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / FILE
                file.write_bytes(body)
                self.client.log_artifact(run_id, str(file), "model")
            source = f"{self.client.get_run(run_id).info.artifact_uri}/model"
            if hashlib.sha256(fetch_artifact(self.uri, source)).hexdigest() != digest:
                raise RegistryError(
                    f"{source} is not what was just written", "check the disk of the artifacts"
                )
            self._ensure_model(name)
            all_tags = {key: str(value) for key, value in tags.items()} | {"sha256": digest}
            version = self.client.create_model_version(name, source, run_id, tags=all_tags)
            # MLflow numbers versions itself, on from the highest it ever had, deleted or not.
            while int(version.version) <= above:
                too_low = version.version
                version = self.client.create_model_version(name, source, run_id, tags=all_tags)
                self.client.delete_model_version(name, too_low)
            if staging:
                self.client.set_registered_model_alias(name, STAGING, version.version)
        return self.version(name, int(version.version))

    def _ensure_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def set_alias(self, name: str, alias: str, version: int) -> ModelVersion:
        """Point an alias to a version, once its file has been verified."""
        if alias not in ALIASES:
            raise unknown("alias", alias, ALIASES)
        model = self.load(name, version)
        aliases = self.alias_state(name).aliases
        previous = aliases.get(alias)
        # A version that leaves Staging is not archived while it is Production.
        serves = alias == STAGING and previous == aliases.get(PRODUCTION)
        with mlflow_errors(self.uri):
            self.client.set_registered_model_alias(name, alias, str(version))
            self.client.set_registered_model_tag(name, f"{ALIAS_TAG}{alias}", str(version))
            if previous is not None and previous != version and not serves:
                self._tag_archived(name, previous, "true")
            self._tag_archived(name, version, "false")
        return model.version

    def remove_alias(self, name: str, alias: str) -> None:
        """Take an alias away; nothing happens where there is none."""
        state = self.alias_state(name)
        with mlflow_errors(self.uri):
            if alias in state.aliases:
                self.client.delete_registered_model_alias(name, alias)
                self._tag_archived(name, state.aliases[alias], "true")
            if alias in state.set_by_bullion:
                self.client.delete_registered_model_tag(name, f"{ALIAS_TAG}{alias}")

    def _tag_archived(self, name: str, version: int, value: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.set_model_version_tag(name, str(version), "archived", value)
        except MlflowException as error:  # the version may be gone, its alias was not
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise

    def alias_state(self, name: str) -> AliasState:
        """Return where the aliases of a model point; empty while no version is registered."""
        from mlflow.exceptions import MlflowException

        with mlflow_errors(self.uri):
            try:
                model = self.client.get_registered_model(name)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return AliasState({}, {})
                raise
        set_by_bullion = {
            key.removeprefix(ALIAS_TAG): int(value)
            for key, value in model.tags.items()
            if key.startswith(ALIAS_TAG)
        }
        aliases = {alias: int(number) for alias, number in model.aliases.items()}
        return AliasState(aliases, set_by_bullion)

    def versions(self, name: str, most: int = MOST_VERSIONS) -> list[ModelVersion]:
        """List the versions of a model, newest first."""
        aliases = self.alias_state(name).aliases
        quoted = name.replace("'", "")
        with mlflow_errors(self.uri):
            versions = self.client.search_model_versions(
                f"name = '{quoted}'", max_results=most, order_by=["version_number DESC"]
            )
        # The versions of a search do not say which aliases point to them.
        return [
            _version(v, (a for a, number in aliases.items() if number == int(v.version)))
            for v in versions
        ]

    def version(self, name: str, number: int) -> ModelVersion:
        """Look up a version by its number."""
        with mlflow_errors(self.uri):
            version = self.client.get_model_version(name, str(number))
        return _version(version, version.aliases)

    def version_by_alias(self, name: str, alias: str) -> ModelVersion | None:
        """Look up the version that an alias points to; None while it points to none."""
        from mlflow.exceptions import MlflowException

        with mlflow_errors(self.uri):
            try:
                version = self.client.get_model_version_by_alias(name, alias)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
        return self.version(name, int(version.version))

    def load(self, name: str, number: int) -> VerifiedModel:
        """Read a version and its file from MLflow; refuse it unless it is what was registered."""
        version = self.version(name, number)
        body = self._read_file(version)
        if hashlib.sha256(body).hexdigest() != version.sha256:
            raise UnsoundModel(
                f"{name} version {number} is not what was registered: its SHA-256 differs",
                UNUSABLE,
            )
        return VerifiedModel(version, body)

    def _read_file(self, version: ModelVersion) -> bytes:
        """Read a version's file; a missing file is another error than a store that is down."""
        try:
            with mlflow_errors(self.uri):
                return fetch_artifact(self.uri, version.source)
        except BullionError as error:
            with mlflow_errors(self.uri):
                listed = has_artifact(self.uri, version.source)
            if listed:
                raise
            raise UnsoundModel(
                f"the file of {version.name} version {version.version} is missing", UNUSABLE
            ) from error

    def read_model(self, name: str, version: int, sha256: str) -> bytes:
        """Read the file of a version that the lake knows by its SHA-256.

        A file that was verified once is copied beside the lake, and then read from there.
        """

        def fetch() -> bytes:
            try:
                return self.load(name, version).body
            except InvalidRequest as error:
                raise UnsoundModel(
                    f"{name} version {version} is not in MLflow at {self.uri}", UNUSABLE
                ) from error

        return self.copies.get(sha256, fetch)

    def read_challenger(self, run_id: str, candidate: str, sha256: str) -> bytes:
        """Read the file of a candidate that was logged beside the winner of its training."""

        def fetch() -> bytes:
            with mlflow_errors(self.uri):
                folder = self.client.get_run(run_id).info.artifact_uri
                return fetch_artifact(self.uri, f"{folder}/challengers", f"{candidate}.onnx")

        return self.copies.get(sha256, fetch)

    def cache_model(self, body: bytes) -> None:
        """Copy a file that was just written beside the lake, so that nobody need ask MLflow."""
        with writing_to(self.copies.folder):
            self.copies.get(hashlib.sha256(body).hexdigest(), lambda: body)


def _version(version: MlflowVersion, aliases: Iterable[str]) -> ModelVersion:
    return ModelVersion(
        str(version.name),
        int(version.version),
        str(version.run_id),
        dict(version.tags),
        tuple(sorted(aliases)),
        str(version.source),
    )
