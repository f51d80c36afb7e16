"""The SQL that attaches a lake to DuckDB, and the extensions it needs."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import Settings, redacted
from pipelines.lake import store as files
from pipelines.lake.store import text

INLINE_ROWS = 1000  # smaller writes go to the catalog, and to Parquet at the next compaction
NAME = "lake"
READERS_WAIT_MS = 5000  # for readers to end, before snapshots expire
CATALOG = f"__ducklake_metadata_{NAME}"  # DuckLake's own tables
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


def attach_statements(
    config: Settings,
    *,
    read_only: bool = False,
    snapshot: int | None = None,
    inline_rows: int = INLINE_ROWS,
    create: bool = False,
) -> list[str]:
    """The SQL that attaches the lake to any DuckDB, as `make sql` and analysts do."""
    kind, target = catalog(config.lake_catalog)
    store = files.store(config.lake_data)
    needed = ["ducklake", "sqlite_scanner" if kind == "sqlite" else "postgres_scanner"]
    options = [f"DATA_PATH {text(store.root)}", "OVERRIDE_DATA_PATH true"]
    if store.remote:
        needed.append("httpfs")
    if kind == "sqlite":
        options.append("META_BUSY_TIMEOUT 30000")
    if not create:
        options.append("CREATE_IF_NOT_EXISTS false")
    elif kind == "sqlite":
        # In WAL mode readers and the writer pass each other; the file remembers it.
        options.append("META_JOURNAL_MODE 'WAL'")
    if read_only:
        options.append("READ_ONLY")
    else:
        options.append(f"DATA_INLINING_ROW_LIMIT {inline_rows}")
    if snapshot is not None:
        options.append(f"SNAPSHOT_VERSION {int(snapshot)}")
    scheme = "ducklake:sqlite:" if kind == "sqlite" else "ducklake:postgres:"
    return [
        *(f"LOAD {text(extension(name))}" for name in needed),
        "SET TimeZone = 'UTC'",
        *store.secrets(),
        f"ATTACH {text(scheme + target)} AS {NAME} ({', '.join(options)})",
        f"USE {NAME}",
    ]


def extension(name: str) -> str:
    """The extension file that its package carries; the bare name when it carries none."""
    packages = Path(duckdb.__file__).parent.parent
    for found in packages.glob(f"duckdb_extension_{name}/extensions/v*/{name}.duckdb_extension"):
        return str(found)
    return name


def catalog(setting: str) -> tuple[str, str]:
    """The kind of a catalog, and what its extension is told."""
    kind, _, target = setting.partition(":")
    if kind == "sqlite" and target and target != ":memory:":
        path = files.local_path(target, f"BULLION_LAKE_CATALOG={setting!r}")
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


def is_read(kind: str, target: str) -> bool:
    """Whether a reader is still at an older state of the catalog, after a short wait for it.

    DuckDB reads an SQLite catalog by several connections, so rows that are deleted from it vanish
    under a reader that began before; but its lock stays, and stops the checkpoint. PostgreSQL
    shows each reader the catalog as it was when the reader began.
    """
    if kind != "sqlite":
        return False
    with duckdb.connect() as connection:
        connection.execute(f"LOAD {text(extension('sqlite_scanner'))}")
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"ATTACH {text(target)} AS catalog (TYPE sqlite, BUSY_TIMEOUT {READERS_WAIT_MS})"
        )
        row = connection.execute(
            "FROM sqlite_query('catalog', 'PRAGMA wal_checkpoint(TRUNCATE)')"
        ).fetchone()
    return row is None or int(row[0]) != 0
