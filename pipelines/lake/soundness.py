"""Files are held against their recorded checksums before anything is read from them.

Most bits that flip in a Parquet file are read without an error, as other rows. What was verified
once is not hashed again while the file stays as it is, whatever process asks next.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from pipelines.core.errors import LakeError
from pipelines.lake.attach import NAME
from pipelines.lake.store import Store, text

METADATA = f"__ducklake_metadata_{NAME}"
CHECKSUMS = "meta.checksums"  # always in the catalog itself
_READ_TABLES = re.compile(
    r'(?<!INSERT INTO )\b"?(bronze|silver|gold|meta)"?\."?(\w+)', flags=re.IGNORECASE
)
MOST_REMEMBERED = 20_000
BACKUP = (
    "nothing was read from it; `bullion verify` names every such file: restore them from a backup, "
    "and run this again"
)


def tables_read(query: str) -> set[str]:
    """The tables of the lake that a statement names, but for what it only inserts into."""
    return {f"{schema}.{name}".lower() for schema, name in _READ_TABLES.findall(query)}


# In the catalog's own SQL, which takes a tenth of the time that DuckDB needs for it.
_NAMED = " UNION ".join(
    f"""SELECT s.path || t.path || f.path FROM {kind} f
        JOIN ducklake_table t ON t.table_id = f.table_id
        JOIN ducklake_schema s ON s.schema_id = t.schema_id
        WHERE f.path_is_relative AND s.schema_name || '.' || t.table_name IN ({{tables}})
          AND f.begin_snapshot <= {{snapshot}}
          AND (f.end_snapshot IS NULL OR f.end_snapshot > {{snapshot}})"""
    for kind in ("ducklake_data_file", "ducklake_delete_file")
)


def ask_catalog(
    connection: duckdb.DuckDBPyConnection, kind: str, query: str
) -> list[tuple[Any, ...]]:
    """Rows that the catalog's own database, of that kind, has for a query of its own SQL."""
    rows: list[tuple[Any, ...]] = connection.execute(
        f"FROM {kind}_query({text(METADATA)}, {text(query)})"
    ).fetchall()
    return rows


class FileGuard:
    """Refuses to read what is not what was committed."""

    def __init__(self, kind: str, store: Store, memory: Path) -> None:
        self._kind = kind
        self._store = store
        self._memory = memory

    def check(
        self, connection: duckdb.DuckDBPyConnection, snapshot: int, tables: Iterable[str]
    ) -> None:
        """LakeError if a file of these tables, as the snapshot has them, is not sound."""
        names = ", ".join(text(name) for name in sorted(set(tables) - {CHECKSUMS}))
        if not names:
            return
        query = _NAMED.format(tables=names, snapshot=snapshot)
        named = [path for (path,) in ask_catalog(connection, self._kind, query)]
        marks = self._store.marks(named)
        unknown = [
            path for path in named if not marks.get(path) or self._verified.get(path) != marks[path]
        ]
        if not unknown:
            return
        recorded = {
            path: (size, digest)
            for path, size, digest in connection.execute(
                f"SELECT path, bytes, sha256 FROM {CHECKSUMS} WHERE path IN (SELECT unnest(?))",
                [unknown],
            ).fetchall()
        }
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            checks = pool.map(lambda path: check_file(self._store, path, recorded), unknown)
        for path, (_, what) in zip(unknown, checks, strict=True):
            if what:
                self.forget(path)
                raise LakeError(f"the lake's file {self._store.root}{path} {what}", BACKUP)
        self._remember({path: marks[path] for path in unknown if marks.get(path)})

    def forget(self, path: str) -> None:
        """Hash a file anew when it is read next."""
        if self._verified.pop(path, ""):
            self._save()

    @cached_property
    def _verified(self) -> dict[str, str]:
        """Path -> what the file system said of the file when it was verified."""
        try:
            marks = json.loads(self._memory.read_bytes())
        except (OSError, ValueError):
            marks = None
        # Where there is none, or it is damaged, all is hashed once more.
        return marks if isinstance(marks, dict) else {}

    def _remember(self, marks: dict[str, str]) -> None:
        if marks:
            self._verified.update(marks)
            for path in list(self._verified)[:-MOST_REMEMBERED]:
                del self._verified[path]
            self._save()

    def _save(self) -> None:
        """Keep it for other processes. They may do so too: what is lost is hashed once more."""
        body = json.dumps(self._verified)
        with suppress(OSError):  # on a read-only or full disk each process hashes for itself
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=self._memory.parent, prefix=".verified-")
            try:
                with os.fdopen(number, "w") as out:
                    out.write(body)
                Path(name).replace(self._memory)
            finally:
                Path(name).unlink(missing_ok=True)


def check_file(store: Store, path: str, recorded: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    """The size of a file of the lake, and what is wrong with it: '' when it is as committed."""
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
