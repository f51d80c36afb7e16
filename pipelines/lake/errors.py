"""DuckDB's errors as errors of the lake: what was wrong, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.core.errors import LakeError
from pipelines.core.settings import redacted
from pipelines.lake.local_paths import CHECK_OWNER, permission_hint

SNAPSHOTS = "name none for the newest; `bullion sql 'FROM lake.snapshots()'` lists those kept"
DAMAGED = "run `bullion verify`; restore what it names from a copy"
# A part of DuckDB's message -> what was wrong, what to do next. The first that fits counts.
HINTS: tuple[tuple[str, str, str], ...] = (
    ("No space left", "the disk is full", "free some space; nothing was committed"),
    ("disk is full", "the disk is full", "free some space; nothing was committed"),
    ("File too large", "a file could not grow", "raise the file size limit; nothing was committed"),
    ("disk I/O error", "the disk failed, or is full", "check it; nothing was committed"),
    ("Permission denied", "no permission", CHECK_OWNER),
    ("readonly database", "the catalog is read-only", CHECK_OWNER),
    ("Read-only file system", "the disk is read-only", "check how it is mounted"),
    ("No snapshot found", "that snapshot is gone", SNAPSHOTS),
    ("database is locked", "the catalog is locked", "another program holds it open: close it"),
    ("not a database", "the catalog is no SQLite file", "set BULLION_LAKE_CATALOG to a lake"),
    ("unable to open database", "the catalog cannot be opened", CHECK_OWNER),
    ("disk image is malformed", "the catalog is damaged", "restore it from a copy"),
    ("catalog version", "the lake's format is another", "use the DuckDB of requirements.txt"),
    (
        "Unable to connect to Postgres",
        "the catalog's PostgreSQL cannot be reached",
        "check BULLION_LAKE_CATALOG and that the server runs",
    ),
    ("Failed to create directory", "the files cannot lie there", "set BULLION_LAKE_DATA"),
    ("No such file or directory", "a file of the lake is missing", DAMAGED),
    ("HTTP 404", "a file of the lake is missing", DAMAGED),
    ("NoSuchBucket", "there is no such bucket", "make it, or set BULLION_LAKE_DATA"),
    ("TProtocolException", "a data file is damaged", DAMAGED),
    ("ZSTD Decompression", "a data file is damaged", DAMAGED),
    ("/ducklake-", "a data file is damaged", DAMAGED),
)
NO_LAKE = "creating a new DuckLake is explicitly disabled"


class NoLake(LakeError):
    """The catalog can be opened, and holds no lake."""


@contextmanager
def translated(catalog: str = "") -> Iterator[None]:
    """Raise DuckDB's errors as LakeError, where they are the lake's fault and not the query's.

    SQLite's errors name no file, so the catalog is added.
    """
    try:
        yield
    except duckdb.Error as error:
        message = redacted(f"{error} ({catalog})" if catalog else str(error))
        if NO_LAKE in message:
            raise NoLake(
                f"there is no lake here: {message}",
                "make one with `bullion ingest`; if other tables lie there, set "
                "BULLION_LAKE_CATALOG to a file that does not exist yet",
                "there is no lake here",
            ) from None
        for needle, summary, hint in HINTS:
            if needle in message:
                kind, _, path = catalog.partition(":")
                if hint is CHECK_OWNER and kind == "sqlite":
                    hint = permission_hint(Path(path).expanduser())
                raise LakeError(f"{summary}: {message}", hint, summary) from None
        # Errors of the catalog's own database come as a plain Error.
        if type(error) is duckdb.Error or isinstance(error, duckdb.IOException):
            raise LakeError(
                f"the lake cannot be used: {message}", DAMAGED, "the lake cannot be used"
            ) from None
        raise


@contextmanager
def quietly() -> Iterator[None]:
    """Suppress DuckDB's errors: the first matters, not that its transaction was already gone."""
    try:
        yield
    except duckdb.Error:
        return
