"""How much a lake holds, as its catalog counts it: no data file is opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.lake.catalog import CATALOG, FILES
from pipelines.lake.inlined_checksums import list_deletion_tables
from pipelines.lake.transaction import View


@dataclass(frozen=True)
class TableContents:
    """What a table holds now; older snapshots may need more files."""

    table: str  # such as gold.predictions
    rows: int
    catalog_rows: int  # of these, in the catalog itself until they are compacted
    files: int
    bytes: int


@dataclass(frozen=True)
class Snapshots:
    """The snapshots that can be read."""

    count: int
    oldest: int
    oldest_at: datetime
    newest_at: datetime


def count_contents(view: View, kind: str) -> list[TableContents]:
    """Count the rows and files of every table, in the order of their names.

    `kind` is that of the catalog. Deletions count where the file still has the row: in files of
    their own, and, when few, in the catalog.
    """
    names = dict(
        view.rows(
            f"""SELECT t.table_id, s.schema_name || '.' || t.table_name
                FROM {CATALOG}.ducklake_table t
                JOIN {CATALOG}.ducklake_schema s ON s.schema_id = t.schema_id
                WHERE t.end_snapshot IS NULL"""
        )
    )
    files = {
        table: (int(rows), int(count), int(size))
        for table, rows, count, size in view.rows(
            f"""SELECT full_name, sum(CASE kind WHEN 'data' THEN rows ELSE -rows END), count(*),
                       sum(size)
                FROM ({FILES}) WHERE live GROUP BY full_name"""
        )
    }
    inlined = _inlined_rows(view)
    deleted = _inlined_deletions(view, kind)
    contents = []
    for table_id, table in sorted(names.items(), key=lambda pair: pair[1]):
        rows, count, size = files.get(table, (0, 0, 0))
        in_catalog = inlined.get(table_id, 0)
        in_files = rows - deleted.get(table_id, 0)
        contents.append(TableContents(table, in_files + in_catalog, in_catalog, count, size))
    return contents


def read_snapshots(view: View) -> Snapshots:
    """Read how many snapshots there are, and the ends of them."""
    # An SQLite catalog has their times as text.
    rows = view.rows(
        f"""SELECT count(*), min(snapshot_id), min(snapshot_time::TIMESTAMPTZ),
                   max(snapshot_time::TIMESTAMPTZ)
            FROM {CATALOG}.ducklake_snapshot"""
    )
    return Snapshots(*rows[0])


def _inlined_rows(view: View) -> dict[int, int]:
    """Count the rows that lie in the catalog, by table; a table has several such after changes."""
    tables = view.rows(f"SELECT table_id, table_name FROM {CATALOG}.ducklake_inlined_data_tables")
    return _count(
        view,
        [
            f"SELECT {table_id} AS table_id FROM {CATALOG}.{name} WHERE end_snapshot IS NULL"
            for table_id, name in tables
        ],
    )


def _inlined_deletions(view: View, kind: str) -> dict[int, int]:
    """Count the rows of live files whose deletion lies in the catalog, by table."""
    return _count(
        view,
        [
            f"""SELECT f.table_id FROM {CATALOG}.{name} d
                JOIN {CATALOG}.ducklake_data_file f ON f.data_file_id = d.file_id
                WHERE f.end_snapshot IS NULL"""
            for name in list_deletion_tables(view.connection, kind)
        ],
    )


def _count(view: View, queries: list[str]) -> dict[int, int]:
    """Count the rows of queries by table."""
    if not queries:
        return {}
    union = " UNION ALL ".join(queries)
    return dict(view.rows(f"SELECT table_id, count(*) FROM ({union}) GROUP BY table_id"))
