"""The only door to MLflow: runs, registered models and their aliases.

A model is an ONNX file with its SHA-256 in the version's tags. Whatever is loaded is hashed
first: a file that is not what was registered is refused, and nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from pipelines.core.errors import BullionError, InvalidRequest, unknown
from pipelines.core.settings import ROOT
from pipelines.registry.errors import RegistryError, Unsound, reached
from pipelines.registry.model_files import LARGEST, read_model_file
from pipelines.registry.versions import Loaded, Standing, Version

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from pipelines.forecasts import TargetForecast

STAGING, PRODUCTION = "Staging", "Production"
ALIASES = (STAGING, PRODUCTION)
OURS = "bullion."  # begins the tag that says where this code last put an alias
FILE = "model.onnx"
DEFAULT = ROOT / "data_lake" / "mlflow"
MOST = 1000  # versions listed of one model, the newest
UNUSABLE = "do not use it; train again, or roll back: `bullion rollback`"
CACHED = 50  # verified files kept beside the lake, those used last


__all__ = [
    "ALIASES", "PRODUCTION", "STAGING", "Loaded", "Registry", "RegistryError", "Standing",
    "Unsound", "Version", "model_name", "reached",
]  # fmt: skip


def model_name(forecast: TargetForecast) -> str:
    """What a forecast's models are registered as."""
    return f"{forecast.name}.{forecast.label.name}"


class Registry:
    """Runs and models at MLFLOW_TRACKING_URI, or in a SQLite file beside the lake."""

    def __init__(self, uri: str | None = None, folder: Path | None = None) -> None:
        told = uri or (None if folder else os.environ.get("MLFLOW_TRACKING_URI"))
        self.uri = told or f"sqlite:///{(folder or DEFAULT) / 'mlflow.db'}"
        file = self._sqlite_file()
        self.folder = folder or (file.parent if file else DEFAULT)

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client, with the store made by one process alone: several at once fail."""
        # A server that is down is told within seconds, not after minutes of trying.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow import MlflowClient

        logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells how it makes its tables
        # Logs the traceback of each error that it also raises, and `reached` tells in words.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
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

    def page(self, name: str, version: int) -> str:
        """Where a person reads about a version; for a file, what to open it with."""
        if urlparse(self.uri).scheme in ("http", "https"):
            return f"{self.uri.rstrip('/')}/#/models/{name}/versions/{version}"
        return f"mlflow ui --backend-store-uri {self.uri}, then {name} version {version}"

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

    def register(
        self,
        name: str,
        body: bytes,
        run_id: str,
        tags: Mapping[str, Any],
        *,
        staging: bool = True,
        above: int = 0,
    ) -> Version:
        """Keep a model's file with its run, read it back, and only then make it a version.

        With `staging` it is Staging's from then on. What fails before leaves no version and no
        alias behind. The version is higher than `above`, the highest that the lake knows: a new
        store of MLflow counts from 1 again, and no number is to mean two models.
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
            # MLflow numbers versions itself, on from the highest it ever had, deleted or not.
            while int(made.version) <= above:
                passed = made.version
                made = self.client.create_model_version(name, source, run_id, tags=kept)
                self.client.delete_model_version(name, passed)
            if staging:
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
        stood = self.standing(name).aliases
        before = stood.get(alias)
        # What leaves Staging is not replaced while it is Production.
        serves = alias == STAGING and before == stood.get(PRODUCTION)
        with reached(self.uri):
            self.client.set_registered_model_alias(name, alias, str(version))
            self.client.set_registered_model_tag(name, f"{OURS}{alias}", str(version))
            if before is not None and before != version and not serves:
                self._archived(name, before, "true")
            self._archived(name, version, "false")
        return loaded.version

    def unpoint(self, name: str, alias: str) -> None:
        """Take an alias away; nothing happens where there is none."""
        before = self.standing(name)
        with reached(self.uri):
            if alias in before.aliases:
                self.client.delete_registered_model_alias(name, alias)
                self._archived(name, before.aliases[alias], "true")
            if alias in before.ours:
                self.client.delete_registered_model_tag(name, f"{OURS}{alias}")

    def _archived(self, name: str, version: int, value: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.set_model_version_tag(name, str(version), "archived", value)
        except MlflowException as error:  # the version may be gone, its alias was not
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise

    def standing(self, name: str) -> Standing:
        """Where the aliases of a model stand; nowhere while no version was registered."""
        from mlflow.exceptions import MlflowException

        with reached(self.uri):
            try:
                found = self.client.get_registered_model(name)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return Standing({}, {})
                raise
        ours = {
            key.removeprefix(OURS): int(value)
            for key, value in found.tags.items()
            if key.startswith(OURS)
        }
        return Standing({alias: int(number) for alias, number in found.aliases.items()}, ours)

    def versions(self, name: str, most: int = MOST) -> list[Version]:
        """The versions of a model, newest first."""
        aliases = self.standing(name).aliases
        quoted = name.replace("'", "")
        with reached(self.uri):
            found = self.client.search_model_versions(
                f"name = '{quoted}'", max_results=most, order_by=["version_number DESC"]
            )
        return [
            Version(
                name,
                int(one.version),
                str(one.run_id),
                dict(one.tags),
                tuple(sorted(a for a, number in aliases.items() if number == int(one.version))),
                str(one.source),
            )
            for one in found
        ]

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
        body = self._read(known)
        if hashlib.sha256(body).hexdigest() != known.sha256:
            raise Unsound(
                f"{name} version {version} is not what was registered: its SHA-256 differs",
                UNUSABLE,
            )
        return Loaded(known, body)

    def _read(self, known: Version) -> bytes:
        """A version's file. One that is missing is told apart from a store that is down."""
        try:
            with reached(self.uri):
                return self._fetch(known.source)
        except BullionError as error:
            if self._holds(known.source):
                raise
            raise Unsound(
                f"the file of {known.name} version {known.version} is missing", UNUSABLE
            ) from error

    def _holds(self, source: str) -> bool:
        """Is the file listed there? A store that cannot list it raises."""
        import mlflow

        with reached(self.uri):
            found = mlflow.artifacts.list_artifacts(artifact_uri=source, tracking_uri=self.uri)
        return any(Path(one.path).name == FILE for one in found)

    def model(self, name: str, version: int, sha256: str) -> bytes:
        """The file of a version that the lake knows by its SHA-256.

        What was verified once is kept beside the lake, so that scoring neither waits for MLflow
        nor stops when it is down.
        """

        def fetch() -> bytes:
            try:
                return self.load(name, version).body
            except InvalidRequest as error:
                raise Unsound(
                    f"{name} version {version} is not in MLflow at {self.uri}", UNUSABLE
                ) from error

        return self._kept(sha256, fetch)

    def challenger(self, run_id: str, candidate: str, sha256: str) -> bytes:
        """The file of a candidate that was kept beside the winner of its training."""

        def fetch() -> bytes:
            with reached(self.uri):
                place = self.client.get_run(run_id).info.artifact_uri
                return self._fetch(f"{place}/challengers", f"{candidate}.onnx")

        return self._kept(sha256, fetch)

    def keep(self, body: bytes) -> None:
        """Keep a file that was just made beside the lake, so that nobody need ask MLflow for it."""
        self._kept(hashlib.sha256(body).hexdigest(), lambda: body)

    def _kept(self, sha256: str, fetch: Callable[[], bytes]) -> bytes:
        file = self.folder / "verified" / f"{sha256}.onnx"
        if file.is_file() and file.stat().st_size <= LARGEST:
            body = file.read_bytes()
            if hashlib.sha256(body).hexdigest() == sha256:
                file.touch()  # what is used is not pruned
                return body
        body = fetch()
        if hashlib.sha256(body).hexdigest() != sha256:
            raise Unsound(
                f"the registry's model is not the one decided on: its SHA-256 is not {sha256[:12]}",
                UNUSABLE,
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False)  # noqa: SIM115
        try:
            with made:
                made.write(body)
            Path(made.name).replace(file)
        finally:
            Path(made.name).unlink(missing_ok=True)
        self._prune(file.parent)
        return body

    @staticmethod
    def _prune(folder: Path) -> None:
        """Keep the files that were used last; another process may be pruning too."""
        used: list[tuple[float, Path]] = []
        for file in folder.glob("*.onnx"):
            with suppress(FileNotFoundError):
                used.append((file.stat().st_mtime, file))
        for _, file in sorted(used, reverse=True)[CACHED:]:
            file.unlink(missing_ok=True)

    def _fetch(self, source: str, file: str = FILE) -> bytes:
        import mlflow

        with tempfile.TemporaryDirectory() as folder:
            got = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{source}/{file}", dst_path=folder, tracking_uri=self.uri
            )
            return read_model_file(Path(got), UNUSABLE)
