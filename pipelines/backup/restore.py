"""Restore a backup into an empty place, to its newest state or to a time before.

The catalog is written last of the lake, so that a restore which was interrupted leaves no lake that
looks whole; the same command goes on with it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelines.backup.databases import has_tables, load_database
from pipelines.backup.manifest import Manifest, StoredFile
from pipelines.backup.objects import Objects
from pipelines.backup.places import ModelStore, state_files
from pipelines.backup.rewind import rewind
from pipelines.core.errors import CheckFailed, InvalidRequest
from pipelines.core.progress import Progress, no_progress
from pipelines.core.settings import Settings, redacted, settings
from pipelines.lake.catalog import parse_catalog
from pipelines.lake.file_store import FileStore, open_store
from pipelines.lake.folder_owner import MARK
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake

PARALLEL = max(2, os.cpu_count() or 1)
# Where MLflow's database names the place of an artifact.
ARTIFACT_COLUMNS = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
    "logged_models": ("artifact_location",),
}


@dataclass(frozen=True)
class RestoreReport:
    """What a restore did."""

    manifest: Manifest
    snapshot: int  # whose state the lake has now
    at: datetime  # when that was committed, at the latest
    files: int
    bytes: int

    def summary(self) -> str:
        return (
            f"restored {self.files:,} files ({self.bytes:,} bytes) of the backup of "
            f"{self.manifest.created_at:%Y-%m-%d %H:%M:%S} UTC, verified: the lake is as it was at "
            f"{self.at:%Y-%m-%d %H:%M:%S} UTC, snapshot {self.snapshot}"
        )


def restore_backup(
    objects: Objects,
    at: datetime | None,
    models: ModelStore | None,
    progress: Progress = no_progress,
    config: Settings | None = None,
) -> RestoreReport:
    """Write a backup to where the settings say, and verify every file of it."""
    config = config or settings()
    manifest = objects.select(at)
    kind, target = parse_catalog(config.lake_catalog)
    store = open_store(config.lake_data)
    _refuse_full_places(manifest, kind, target, store, models, config)
    _write_files(objects, store, manifest.files, progress, "files")
    if models:
        _write_files(objects, models.copies, manifest.copies, progress, "models")
    if models and manifest.models:
        _write_files(objects, models.artifacts, manifest.artifacts, progress, "models")
        load_database(models.kind, models.target, objects.read(manifest.models))
        _move_artifacts(models, manifest.artifacts_root)
    for path in state_files():
        if path.name in manifest.state and not path.exists():
            load_database("sqlite", str(path), objects.read(manifest.state[path.name]))
    load_database(kind, target, objects.read(manifest.catalog))
    with open_lake(config, adopt=True) as lake:
        snapshot, committed_at = manifest.snapshot, manifest.created_at
        if at is not None and at < manifest.created_at:
            progress("going back", 0, 1)
            snapshot, committed_at = rewind(lake, at)
        progress("verify", 0, 1)
        result = verify(lake)
    if result.problems:
        raise CheckFailed(
            f"{len(result.problems)} files are not what the backup says: "
            f"{result.problems[0].path} {result.problems[0].what}",
            "remove what was restored, and restore another backup",
        )
    files = list(manifest.all_files())
    return RestoreReport(
        manifest, snapshot, committed_at, len(files), sum(file.bytes for file in files)
    )


def _refuse_full_places(
    manifest: Manifest,
    kind: str,
    target: str,
    store: FileStore,
    models: ModelStore | None,
    config: Settings,
) -> None:
    """Raise InvalidRequest where anything lies that a restore would hide or mix with its own."""
    hint = "restore into an empty place: set BULLION_LAKE_CATALOG and BULLION_LAKE_DATA, or move it"
    if kind != manifest.catalog_kind:
        raise InvalidRequest(
            f"the backup's catalog is of {manifest.catalog_kind}, and BULLION_LAKE_CATALOG names "
            f"one of {kind}",
            "name an empty catalog of the same kind",
        )
    if has_tables(kind, target):
        raise InvalidRequest(f"there is a catalog at {redacted(config.lake_catalog)}", hint)
    strangers = set(store.listing("")) - manifest.files.keys()
    if strangers - {MARK}:
        raise InvalidRequest(
            f"{store.root} holds {len(strangers):,} files that are not of this backup", hint
        )
    if models is None or manifest.models is None:
        return
    if models.kind != manifest.models_kind:
        raise InvalidRequest(
            f"MLflow's database was of {manifest.models_kind}, and the named one is of "
            f"{models.kind}",
            "name an empty database of the same kind",
        )
    if has_tables(models.kind, models.target):
        raise InvalidRequest(
            f"there is a database of MLflow at {redacted(models.target)}",
            "restore into an empty place: move it, or set MLFLOW_TRACKING_URI",
        )


def _write_files(
    objects: Objects,
    store: FileStore,
    files: Mapping[str, StoredFile],
    progress: Progress,
    activity: str,
) -> None:
    """Write files that are not there yet, each compared with its checksum."""
    there = store.listing("")

    def write(path: str) -> None:
        if path in there and store.checksum(path)[1] == files[path].digest:
            return
        objects.copy_to(files[path], store, path)

    with ThreadPoolExecutor(PARALLEL) as pool:
        for done, _ in enumerate(pool.map(write, files), 1):
            progress(activity, done, len(files))


def _move_artifacts(models: ModelStore, before: str) -> None:
    """Let MLflow's database name the artifacts where they are now."""
    now = models.artifacts.root
    if before == now:
        return
    pairs = [(_address(before), _address(now)), (before, now)]
    statements = [
        (f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE {column} LIKE ?", pair)
        for table, columns in ARTIFACT_COLUMNS.items()
        for column in columns
        for pair in pairs
    ]
    if models.kind == "sqlite":
        with closing(sqlite3.connect(models.target)) as file, file:
            for statement, (old, new) in statements:
                file.execute(statement, (old, new, f"{old}%"))
        return
    import psycopg2

    with closing(psycopg2.connect(models.target)) as server, server, server.cursor() as cursor:
        for statement, (old, new) in statements:
            cursor.execute(statement.replace("?", "%s"), (old, new, f"{old}%"))


def _address(root: str) -> str:
    """Return the address of a folder as MLflow writes it, without a slash at its end."""
    return root.rstrip("/") if root.startswith("s3://") else Path(root).as_uri()
