"""The catalog of a lake: an SQLite file or a PostgreSQL database, and DuckLake's tables in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import redacted
from pipelines.core.sql import text_literal
from pipelines.lake.local_paths import local_path

NAME = "lake"  # under which DuckDB attaches it
CATALOG = f"__ducklake_metadata_{NAME}"  # DuckLake's own tables
NEWEST_SNAPSHOT = 2**63 - 1  # also that of a single statement, which sees what is newest then
READERS_WAIT_MS = 5000  # for readers to end, before snapshots expire
# Every file that some snapshot names; paths are relative to the data path.
FILES = f"""
    SELECT s.path || t.path || f.path AS path, s.schema_name || '.' || t.table_name AS full_name,
           f.live, f.size, f.rows, f.kind
    FROM (
        SELECT table_id, path, end_snapshot IS NULL AS live, file_size_bytes AS size,
               record_count AS rows, 'data' AS kind
        FROM {CATALOG}.ducklake_data_file WHERE path_is_relative
        UNION ALL
        SELECT table_id, path, end_snapshot IS NULL, file_size_bytes, delete_count, 'delete'
        FROM {CATALOG}.ducklake_delete_file WHERE path_is_relative
    ) f
    JOIN {CATALOG}.ducklake_table t ON t.table_id = f.table_id
    JOIN {CATALOG}.ducklake_schema s ON s.schema_id = t.schema_id"""


def parse_catalog(setting: str) -> tuple[str, str]:
    """Split BULLION_LAKE_CATALOG into its kind, sqlite or postgres, and its target."""
    kind, _, target = setting.partition(":")
    if kind == "sqlite" and target and target != ":memory:":
        path = local_path(target, f"BULLION_LAKE_CATALOG={setting!r}")
        if path.is_dir():
            raise InvalidRequest(
                f"BULLION_LAKE_CATALOG={setting!r}: {path} is a folder",
                f"name a file in it, such as sqlite:{path / 'catalog.sqlite'}",
            )
        return kind, str(path)
    if kind in ("postgres", "postgresql") and target:
        return "postgres", setting if target.startswith("//") else target
    raise InvalidRequest(
        f"BULLION_LAKE_CATALOG={redacted(setting)!r} is no catalog",
        "write sqlite:PATH or postgres:dbname=bullion host=127.0.0.1",
    )


def query_catalog(
    connection: duckdb.DuckDBPyConnection, kind: str, query: str, columns: str = "*"
) -> list[tuple[Any, ...]]:
    """Return the rows of a query that the catalog's own database runs, in its own SQL.

    `columns` are what DuckDB makes of the answer.
    """
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT {columns} FROM {kind}_query({text_literal(CATALOG)}, {text_literal(query)})"
    ).fetchall()
    return rows


def extension_file(name: str) -> str:
    """Return the extension file that its package carries; the bare name when it carries none."""
    packages = Path(duckdb.__file__).parent.parent
    for file in packages.glob(f"duckdb_extension_{name}/extensions/v*/{name}.duckdb_extension"):
        return str(file)
    return name


@contextmanager
def connect_sqlite(target: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to an SQLite file, attached as `catalog` and not as a lake."""
    with duckdb.connect() as connection:
        connection.execute(f"LOAD {text_literal(extension_file('sqlite_scanner'))}")
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"ATTACH {text_literal(target)} AS catalog "
            f"(TYPE sqlite, BUSY_TIMEOUT {READERS_WAIT_MS})"
        )
        yield connection


def has_old_readers(kind: str, target: str) -> bool:
    """Whether a reader is still at an older state of the catalog, after a short wait for it.

    DuckDB reads an SQLite catalog by several connections, so rows that are deleted from it vanish
    under a reader that began before; but its lock stays, and stops the checkpoint. PostgreSQL
    shows each reader the catalog as it was when the reader began.
    """
    if kind != "sqlite":
        return False
    with connect_sqlite(target) as connection:
        row = connection.execute(
            "FROM sqlite_query('catalog', 'PRAGMA wal_checkpoint(TRUNCATE)')"
        ).fetchone()
    return row is None or int(row[0]) != 0
