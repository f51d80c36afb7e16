"""What belongs to a lake beside its own files: MLflow's models, and small databases of state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from pipelines.core.errors import InvalidRequest
from pipelines.core.state_folder import state_folder
from pipelines.lake.catalog import parse_catalog
from pipelines.lake.file_store import FileStore, open_store
from pipelines.registry.mlflow import Registry
from pipelines.sources import quota
from pipelines.sources.rss import feed_marks


@dataclass(frozen=True)
class ModelStore:
    """MLflow's database, the place of its artifacts, and of the models copied beside the lake."""

    kind: str  # sqlite or postgres
    target: str
    artifacts: FileStore
    copies: FileStore

    def list_artifacts(self) -> dict[str, str]:
        """Return the path of each artifact, with a mark that changes with it."""
        paths = self.artifacts.listing("")
        marks = self.artifacts.marks(paths)
        return {path: marks.get(path, "") for path in paths}


def find_model_store(database: str = "", artifacts: str = "") -> ModelStore:
    """Return the named places of MLflow, or those of MLFLOW_TRACKING_URI where that is a file."""
    registry = Registry()
    url = urlparse(registry.uri)
    if not database:
        if url.scheme != "sqlite":
            raise InvalidRequest(
                f"MLflow is the server at {registry.uri}, and a server is not copied",
                "name its database and artifacts: --mlflow-database postgres:..., "
                "--mlflow-artifacts s3://...",
            )
        database = f"sqlite:{registry.uri.removeprefix('sqlite:///')}"
    kind, target = parse_catalog(database)
    if not artifacts:
        if kind != "sqlite":
            raise InvalidRequest(
                f"the artifacts of MLflow's database {database} were not named",
                "add --mlflow-artifacts with a folder, or s3://bucket/prefix",
            )
        artifacts = str(Path(target).parent / "artifacts")
    return ModelStore(
        kind,
        target,
        open_store(artifacts, "--mlflow-artifacts"),
        open_store(str(registry.copies.folder)),
    )


def state_files() -> Iterator[Path]:
    """Yield where the small databases of quotas and feeds are, or would be."""
    folder = state_folder()
    yield from (folder / name for name in (quota.FILE, feed_marks.FILE))
