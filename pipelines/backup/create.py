"""Make a backup while others write and read: only what is new is copied.

The catalog is copied in the writers' turn, so it is of one snapshot, and tells which files that
snapshot and those before it have. These never change, and are copied afterwards. MLflow comes last:
a model is registered before the lake records that it serves, so a decision of the backup always
has its model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from pipelines.backup.databases import dump_database, has_tables
from pipelines.backup.manifest import Manifest, StoredFile
from pipelines.backup.objects import DamagedContent, Objects
from pipelines.backup.places import ModelStore, state_files
from pipelines.contracts.tables import fingerprint
from pipelines.core.errors import CheckFailed, LakeError
from pipelines.core.progress import Progress, no_progress
from pipelines.core.settings import Settings, redacted
from pipelines.lake import Lake
from pipelines.lake.catalog import FILES
from pipelines.lake.contents import read_snapshots
from pipelines.lake.file_store import FileStore

TRIES = 3  # a compaction may remove files that an older snapshot named
PARALLEL = max(2, os.cpu_count() or 1)


@dataclass(frozen=True)
class BackupReport:
    """What a backup did."""

    manifest: Manifest
    copied: int  # contents that were new
    bytes: int  # of these

    def summary(self) -> str:
        files = sum(1 for _ in self.manifest.all_files())
        return (
            f"backup {self.manifest.created_at:%Y-%m-%dT%H:%M:%SZ} of snapshot "
            f"{self.manifest.snapshot}: {files:,} files, {self.copied:,} of them new "
            f"({self.bytes:,} bytes copied)"
        )


@dataclass
class _Copied:
    contents: int = 0
    bytes: int = 0


class _FilesGone(Exception):
    """Files that the catalog's copy names were removed meanwhile."""


def create_backup(
    lake: Lake, objects: Objects, models: ModelStore | None, progress: Progress = no_progress
) -> BackupReport:
    """Copy the lake's newest state and what belongs to it; nothing has to stop for it.

    A file that is not what was committed is no part of a backup: then there is none, and the error
    names the files.
    """
    copied = _Copied()
    for is_last in (False,) * (TRIES - 1) + (True,):
        try:
            manifest = _copy_lake(lake, objects, copied, progress)
            break
        except _FilesGone as error:
            if is_last:
                raise LakeError(
                    f"files were removed while they were copied: {error}",
                    "a compaction removes those of old snapshots: try again when it has ended; "
                    "`bullion verify` tells whether any is missing",
                ) from error
    fields = vars(manifest) | {"state": _copy_state(objects, copied)}
    if models:
        fields["copies"] = {
            path: _put(objects, models.copies.read(path), copied)
            for path in sorted(models.copies.listing(""))
            if path.endswith(".onnx")
        }
    if models and has_tables(models.kind, models.target):  # else nothing was trained yet
        fields |= _copy_models(models, objects, copied, progress)
    manifest = Manifest(**fields)
    objects.write_manifest(manifest)
    return BackupReport(manifest, copied.contents, copied.bytes)


def _copy_lake(lake: Lake, objects: Objects, copied: _Copied, progress: Progress) -> Manifest:
    progress("catalog", 0, 1)
    with lake.at_rest() as view:
        created_at = datetime.now(UTC)
        catalog = dump_database(lake.kind, lake.target)
        recorded = {
            path: StoredFile(digest, size)
            for path, size, digest in view.rows("SELECT path, bytes, sha256 FROM meta.checksums")
        }
        paths = sorted(path for (path,) in view.rows(f"SELECT DISTINCT path FROM ({FILES})"))
        snapshots = read_snapshots(view)
    files = {path: recorded[path] for path in paths if path in recorded}
    unrecorded = [path for path in paths if path not in recorded]
    if unrecorded:
        raise CheckFailed(
            f"{len(unrecorded)} files have no checksum: {', '.join(unrecorded[:3])}",
            "`bullion verify` says more",
        )
    new = [path for path, file in files.items() if not objects.has(file.digest)]
    _copy_all(lake.store, objects, {path: files[path] for path in new}, copied, progress)
    return Manifest(
        created_at=created_at,
        code=version("bullion"),
        layout=fingerprint(lake.tables),
        catalog_kind=lake.kind,
        catalog=_put(objects, catalog, copied),
        snapshot=view.snapshot,
        first_snapshot_at=snapshots.oldest_at.astimezone(UTC),
        files=files,
        settings=_describe(lake.config),
    )


def _copy_all(
    store: FileStore,
    objects: Objects,
    files: Mapping[str, StoredFile],
    copied: _Copied,
    progress: Progress,
) -> None:
    """Copy the lake's files, each compared with the checksum of its commit."""
    damaged: list[str] = []
    gone: list[str] = []

    def copy(path: str) -> int:
        try:
            objects.copy_from(store, path, files[path])
        except FileNotFoundError:
            gone.append(path)
        except DamagedContent:
            damaged.append(path)
        else:
            return files[path].bytes
        return 0

    with ThreadPoolExecutor(PARALLEL) as pool:
        for done, size in enumerate(pool.map(copy, files), 1):
            copied.contents += bool(size)
            copied.bytes += size
            progress("files", done, len(files))
    if damaged:
        raise CheckFailed(
            f"{len(damaged)} files are not what was committed: {', '.join(sorted(damaged)[:5])}",
            "restore them from an earlier backup; `bullion verify` lists all",
        )
    if gone:
        raise _FilesGone(", ".join(sorted(gone)[:3]))


def _put(objects: Objects, content: bytes, copied: _Copied) -> StoredFile:
    file, is_new = objects.put(content)
    if is_new:
        copied.contents += 1
        copied.bytes += file.bytes
    return file


def _copy_models(
    models: ModelStore, objects: Objects, copied: _Copied, progress: Progress
) -> dict[str, object]:
    """Copy MLflow's database, then the artifacts that lie there by then."""
    progress("models", 0, 1)
    database = _put(objects, dump_database(models.kind, models.target), copied)
    before = _newest_artifacts(objects)
    artifacts: dict[str, StoredFile] = {}
    marks = models.list_artifacts()
    for done, (path, mark) in enumerate(sorted(marks.items()), 1):
        stored = before.get(path)
        if not (stored and mark and stored.mark == mark and objects.has(stored.digest)):
            try:
                content = _put(objects, models.artifacts.read(path), copied)
            except FileNotFoundError:  # of a run that was removed meanwhile
                continue
            stored = StoredFile(content.digest, content.bytes, mark)
        artifacts[path] = stored
        progress("models", done, len(marks))
    return {
        "models_kind": models.kind,
        "models": database,
        "artifacts_root": models.artifacts.root,
        "artifacts": artifacts,
    }


def _newest_artifacts(objects: Objects) -> Mapping[str, StoredFile]:
    times = objects.manifest_times()
    return objects.manifest(times[-1]).artifacts if times else {}


def _copy_state(objects: Objects, copied: _Copied) -> dict[str, StoredFile]:
    """Copy the small databases of quotas and feeds."""
    return {
        path.name: _put(objects, dump_database("sqlite", str(path)), copied)
        for path in state_files()
        if path.is_file()
    }


def _describe(config: Settings) -> dict[str, str]:
    """Return the settings as texts, for whoever restores: passwords are left out."""
    return {name: redacted(str(value)) for name, value in config.model_dump().items()}
