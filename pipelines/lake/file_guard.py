"""Compare files with their recorded checksums before anything is read from them.

Most bits that flip in a Parquet file are read without an error, as other rows. What was verified
once is not hashed again while the file stays as it is, whatever process asks next.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import duckdb

from pipelines.core.errors import LakeError
from pipelines.core.sql import text_literal
from pipelines.lake.catalog import NEWEST_SNAPSHOT, query_catalog
from pipelines.lake.file_store import YOUNG_NS, FileStore

CHECKSUMS = "meta.checksums"  # always in the catalog itself
_READ_TABLES = re.compile(
    r'(?<!INSERT INTO )\b"?(bronze|silver|gold|meta)"?\."?(\w+)', flags=re.IGNORECASE
)
MOST_MARKS = 20_000
BACKUP = (
    "nothing was read from it; `bullion verify` names every such file: restore them from a backup, "
    "and run this again"
)


def tables_read(query: str) -> set[str]:
    """Return the tables of the lake that a statement names, but for what it only inserts into."""
    return {f"{schema}.{name}".lower() for schema, name in _READ_TABLES.findall(query)}


# Files of tables at a snapshot, in the catalog's own SQL: it takes a tenth of the time that
# DuckDB needs for it.
_FILES_OF_TABLES = " UNION ".join(
    f"""SELECT s.path || t.path || f.path FROM {kind} f
        JOIN ducklake_table t ON t.table_id = f.table_id
        JOIN ducklake_schema s ON s.schema_id = t.schema_id
        WHERE f.path_is_relative AND s.schema_name || '.' || t.table_name IN ({{tables}})
          AND f.begin_snapshot <= {{snapshot}}
          AND (f.end_snapshot IS NULL OR f.end_snapshot > {{snapshot}})"""
    for kind in ("ducklake_data_file", "ducklake_delete_file")
)


class FileGuard:
    """Refuses to read what is not what was committed."""

    def __init__(self, kind: str, target: str, store: FileStore, marks_file: Path) -> None:
        self._kind = kind
        self._target = target
        self._store = store
        self._marks_file = marks_file
        self._listed: tuple[str, dict[str, list[str]]] = ("", {})  # by the mark of the catalog

    def check(
        self, connection: duckdb.DuckDBPyConnection, snapshot: int, tables: Iterable[str]
    ) -> None:
        """Raise LakeError if a file of these tables, in the snapshot, is not what was committed."""
        names = ", ".join(text_literal(name) for name in sorted(set(tables) - {CHECKSUMS}))
        if not names:
            return
        paths = self._list_files(connection, snapshot, names)
        marks = self._store.marks(paths)
        unverified = [
            path for path in paths if not marks.get(path) or self._verified.get(path) != marks[path]
        ]
        if not unverified:
            return
        recorded = {
            path: (size, digest)
            for path, size, digest in connection.execute(
                f"SELECT path, bytes, sha256 FROM {CHECKSUMS} WHERE path IN (SELECT unnest(?))",
                [unverified],
            ).fetchall()
        }
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            checks = pool.map(lambda path: check_file(self._store, path, recorded), unverified)
        for path, (_, problem) in zip(unverified, checks, strict=True):
            if problem:
                self.forget(path)
                raise LakeError(f"the lake's file {self._store.root}{path} {problem}", BACKUP)
        self._remember({path: marks[path] for path in unverified if marks.get(path)})

    def _list_files(
        self, connection: duckdb.DuckDBPyConnection, snapshot: int, names: str
    ) -> list[str]:
        """Return the paths of the files of these tables.

        A statement by itself sees what the catalog has now: while its file stays as it is, so does
        the answer. A transaction may see an older catalog than the file's, and asks always.
        """
        mark = self._catalog_mark() if snapshot == NEWEST_SNAPSHOT else ""
        if mark and mark == self._listed[0] and names in self._listed[1]:
            return self._listed[1][names]
        query = _FILES_OF_TABLES.format(tables=names, snapshot=snapshot)
        paths = [path for (path,) in query_catalog(connection, self._kind, query)]
        if mark:
            listed = self._listed[1] if mark == self._listed[0] else {}
            self._listed = mark, listed | {names: paths}
        return paths

    def _catalog_mark(self) -> str:
        """Return a mark that changes with each commit: '' after one, or where none is seen."""
        if self._kind != "sqlite":
            return ""
        marks = []
        for name in (self._target, f"{self._target}-wal"):
            try:
                status = Path(name).stat()
            except OSError:
                marks.append("none")
                continue
            # Not the time of change: SQLite sets a log's owner anew whenever root reads it.
            if time.time_ns() - status.st_mtime_ns < YOUNG_NS:
                return ""
            marks.append(f"{status.st_ino} {status.st_size} {status.st_mtime_ns}")
        return ", ".join(marks)

    def forget(self, path: str) -> None:
        """Hash a file anew when it is read next."""
        if self._verified.pop(path, ""):
            self._save()

    @cached_property
    def _verified(self) -> dict[str, str]:
        """Path -> the mark of the file when it was verified."""
        try:
            marks = json.loads(self._marks_file.read_bytes())
        except (OSError, ValueError):
            marks = None
        # Where there is none, or it is damaged, all is hashed once more.
        return marks if isinstance(marks, dict) else {}

    def _remember(self, marks: dict[str, str]) -> None:
        if marks:
            self._verified.update(marks)
            for path in list(self._verified)[:-MOST_MARKS]:
                del self._verified[path]
            self._save()

    def _save(self) -> None:
        """Write the marks for other processes. They may do so too: what is lost is hashed anew."""
        body = json.dumps(self._verified)
        with suppress(OSError):  # on a read-only or full disk each process hashes for itself
            self._marks_file.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=self._marks_file.parent, prefix=".verified-")
            try:
                with os.fdopen(number, "w") as out:
                    out.write(body)
                Path(name).replace(self._marks_file)
            finally:
                Path(name).unlink(missing_ok=True)


def check_file(
    store: FileStore, path: str, recorded: Mapping[str, tuple[int, str]]
) -> tuple[int, str]:
    """Return the size of a file, and what is wrong with it: '' when it is as committed."""
    try:
        size, digest = store.checksum(path)
    except FileNotFoundError:
        return 0, "is missing"
    except OSError as error:
        return 0, f"cannot be read: {error}"
    if path not in recorded:
        return size, "has no recorded checksum"
    sound = recorded[path] == (size, digest)
    return size, "" if sound else "is damaged: it is not what was committed"
