"""The SQL that attaches a lake to DuckDB."""

from __future__ import annotations

from pipelines.core.settings import Settings
from pipelines.core.sql import text_literal
from pipelines.lake.catalog import NAME, extension_file, parse_catalog
from pipelines.lake.file_store import open_store

# Smaller writes go to the catalog, and to Parquet at the next compaction. A row costs 0.1 ms there
# at its commit, and is read by every later query; a file costs 10 ms, and its statistics let
# queries skip it.
INLINE_ROWS = 100


def attach_statements(
    config: Settings,
    *,
    read_only: bool = False,
    snapshot: int | None = None,
    inline_rows: int = INLINE_ROWS,
    create: bool = False,
) -> list[str]:
    """Return the SQL that attaches the lake to any DuckDB, as `make sql` and analysts do."""
    kind, target = parse_catalog(config.lake_catalog)
    store = open_store(config.lake_data)
    extensions = ["ducklake", "sqlite_scanner" if kind == "sqlite" else "postgres_scanner"]
    options = [f"DATA_PATH {text_literal(store.root)}", "OVERRIDE_DATA_PATH true"]
    if store.remote:
        extensions.append("httpfs")
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
        *(f"LOAD {text_literal(extension_file(name))}" for name in extensions),
        "SET TimeZone = 'UTC'",
        *store.secrets(),
        f"ATTACH {text_literal(scheme + target)} AS {NAME} ({', '.join(options)})",
        f"USE {NAME}",
    ]
