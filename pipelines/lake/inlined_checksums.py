"""Checksums of the rows in the catalog: of each commit, those it put in and those it ended.

Small writes stay in the catalog until they are compacted, and no file's checksum speaks for them.
So do small deletions of rows of a file: which file, and which of its rows. Each commit is followed,
in its writer's turn, by a checksum of each table's rows, in a table of the catalog beside them. A
commit whose process died in between gets it with the next one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

import duckdb

from pipelines.lake.catalog import CATALOG, query_catalog

CHECKSUMS = "bullion_inlined_checksums"
DELETIONS = "ducklake_inlined_delete_"  # and the table's id: rows of its files that were deleted
# In CHECKSUMS once deletions are kept there, too: catalogs of before have rows without one.
_KEEPS_DELETIONS = (f"{DELETIONS}%", -1)
# The tables of inlined rows, each with SQL of the catalog that writes a row as one text.
# A row's end is no part of it: it comes later, by another commit.
_TABLES = {
    "sqlite": f"""
        SELECT m.name, group_concat('quote("' || p.name || '")', '||'',''||')
        FROM sqlite_master m, pragma_table_info(m.name) p
        WHERE m.type = 'table' AND p.name <> 'end_snapshot' AND m.name <> '{{listing}}'
          AND (m.name LIKE 'ducklake_inlined_data_%' OR m.name LIKE '{DELETIONS}%'
               OR m.name = '{CHECKSUMS}')
        GROUP BY m.name""",
    "postgres": f"""
        SELECT table_name, 'encode(sha256(record_send(ROW('
               || string_agg(quote_ident(column_name), ',' ORDER BY ordinal_position)
               || '))), ''hex'')'
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_name <> 'end_snapshot'
          AND table_name <> '{{listing}}'
          AND (table_name LIKE 'ducklake_inlined_data_%' OR table_name LIKE '{DELETIONS}%'
               OR table_name = '{CHECKSUMS}')
        GROUP BY table_name""",
}
_LISTING = "ducklake_inlined_data_tables"
_FULL_NAMES = f"""
    SELECT i.table_name, s.schema_name || '.' || t.table_name
    FROM {_LISTING} i
    JOIN ducklake_table t ON t.table_id = i.table_id
    JOIN ducklake_schema s ON s.schema_id = t.schema_id
    UNION ALL
    SELECT '{DELETIONS}' || t.table_id, s.schema_name || '.' || t.table_name
    FROM ducklake_table t JOIN ducklake_schema s ON s.schema_id = t.schema_id
    WHERE t.end_snapshot IS NULL"""

Key = tuple[str, int]  # a table of inlined rows, and a snapshot
Sum = tuple[int, str]  # how many rows, and the SHA-256 of them


@dataclass(frozen=True)
class ChangedRows:
    """Rows of one commit that are not what was committed."""

    table: str  # such as gold.predictions
    key: Key
    live: bool  # whether they concern the newest snapshot

    @property
    def what(self) -> str:
        """Say in a sentence about the table what was changed."""
        if _has_deletions(self.key[0]):
            return f"has deletions in the catalog that are not what commit {self.key[1]} wrote"
        return f"has rows in the catalog that are not what commit {self.key[1]} wrote"


def record_checksums(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Record the checksums of all commits that have none yet, in the writers' turn."""
    tables = _inlined_tables(connection, kind)
    newest = f"(SELECT coalesce(max(snapshot), -1) FROM {CHECKSUMS})"
    rows_since = deletions_since = newest
    keeps_deletions = False
    if tables.pop(CHECKSUMS, None) is None:
        rows_since = deletions_since = "-1"
        connection.execute(
            f"""CREATE TABLE {CATALOG}.{CHECKSUMS}
                (table_name VARCHAR, snapshot BIGINT, row_count BIGINT, sha256 VARCHAR)"""
        )
    else:
        name, snapshot = _KEEPS_DELETIONS
        query = f"SELECT 1 FROM {CHECKSUMS} WHERE table_name = '{name}' AND snapshot = {snapshot}"
        keeps_deletions = bool(query_catalog(connection, kind, query))
        if not keeps_deletions:
            deletions_since = "-1"
    sums = _compute_sums(connection, kind, tables, rows_since, deletions_since)
    _write_sums(connection, sums if keeps_deletions else sums | {_KEEPS_DELETIONS: (0, "")})


def find_changed_rows(connection: duckdb.DuckDBPyConnection, kind: str) -> list[ChangedRows]:
    """Return the commits whose rows in the catalog are not what was committed."""
    tables = _inlined_tables(connection, kind)
    if tables.pop(CHECKSUMS, None) is None:
        return []  # nothing was committed since they are kept
    recorded = _read_sums(connection, kind)
    keeps_deletions = recorded.pop(_KEEPS_DELETIONS, None) is not None
    newest = max((snapshot for _, snapshot in recorded), default=-1)
    sums = _compute_sums(connection, kind, tables)
    different = [
        (name, snapshot)
        for name, snapshot in sorted(recorded.keys() | sums.keys())
        # Of a later commit the checksum is still to come.
        if snapshot <= newest
        and (keeps_deletions or not _has_deletions(name))
        and recorded.get((name, snapshot)) != sums.get((name, snapshot))
    ]
    names = dict(query_catalog(connection, kind, _FULL_NAMES)) if different else {}
    # A table that was dropped has no rows. But deletions of rows of a table that is there stay.
    keys = [key for key in different if key[0] in (names if _has_deletions(key[0]) else tables)]
    return [ChangedRows(names[key[0]], key, _is_live(connection, kind, key)) for key in keys]


def list_deletion_tables(connection: duckdb.DuckDBPyConnection, kind: str) -> list[str]:
    """Return the tables of the catalog that say which rows of files were deleted."""
    return [name for name in _inlined_tables(connection, kind) if _has_deletions(name)]


def renew_checksums(
    connection: duckdb.DuckDBPyConnection, kind: str, changed: Collection[ChangedRows]
) -> None:
    """Record the checksums of the rows that are left once some were removed for good.

    Checksums of rows that were `changed` before stay as they are, while there is such a row.
    """
    tables = _inlined_tables(connection, kind)
    if tables.pop(CHECKSUMS, None) is None:
        return
    sums, recorded = _compute_sums(connection, kind, tables), _read_sums(connection, kind)
    if _KEEPS_DELETIONS in recorded:
        sums[_KEEPS_DELETIONS] = recorded[_KEEPS_DELETIONS]
    else:
        sums = {key: value for key, value in sums.items() if not _has_deletions(key[0])}
    for rows in changed:
        if sums.pop(rows.key, None) and rows.key in recorded:
            sums[rows.key] = recorded[rows.key]
    connection.execute(f"DELETE FROM {CATALOG}.{CHECKSUMS}")
    _write_sums(connection, sums)


def _has_deletions(table_name: str) -> bool:
    """Whether a table of the catalog says which rows of files were deleted."""
    return table_name.startswith(DELETIONS)


def _inlined_tables(connection: duckdb.DuckDBPyConnection, kind: str) -> dict[str, str]:
    return dict(query_catalog(connection, kind, _TABLES[kind].format(listing=_LISTING)))


def _compute_sums(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    tables: dict[str, str],
    rows_since: str = "-1",
    deletions_since: str = "-1",
) -> dict[Key, Sum]:
    """Compute the checksum of the rows of each table and each commit after these snapshots."""
    queries = []
    for name, row in tables.items():
        since = deletions_since if _has_deletions(name) else rows_since
        queries.append(
            f"""SELECT '{name}' AS name, begin_snapshot AS snapshot, {row} AS line
                FROM {name} WHERE begin_snapshot > {since}"""
        )
        if not _has_deletions(name):  # these have no end
            queries.append(
                f"""SELECT '{name}', end_snapshot, 'ended ' || row_id
                    FROM {name} WHERE end_snapshot > {since}"""
            )
    rows = " UNION ALL ".join(queries)
    lines: dict[Key, list[str]] = {}
    for name, snapshot, line in query_catalog(connection, kind, rows) if rows else ():
        lines.setdefault((name, int(snapshot)), []).append(line)
    return {
        key: (len(texts), sha256("\n".join(sorted(texts)).encode()).hexdigest())
        for key, texts in lines.items()
    }


def _read_sums(connection: duckdb.DuckDBPyConnection, kind: str) -> dict[Key, Sum]:
    rows = query_catalog(
        connection, kind, f"SELECT table_name, snapshot, row_count, sha256 FROM {CHECKSUMS}"
    )
    return {(name, int(snapshot)): (int(count), digest) for name, snapshot, count, digest in rows}


def _is_live(connection: duckdb.DuckDBPyConnection, kind: str, key: Key) -> bool:
    name, snapshot = key
    query = f"SELECT 1 FROM {name} WHERE begin_snapshot = {snapshot} AND end_snapshot IS NULL"
    if _has_deletions(name):  # those that are missing concern any file of that time
        query = f"""SELECT 1 FROM ducklake_data_file
                    WHERE table_id = {name.removeprefix(DELETIONS)} AND end_snapshot IS NULL
                      AND begin_snapshot <= {snapshot}"""
    return bool(query_catalog(connection, kind, query))


def _write_sums(connection: duckdb.DuckDBPyConnection, sums: dict[Key, Sum]) -> None:
    if sums:
        names, snapshots = zip(*sums, strict=True)
        counts, digests = zip(*sums.values(), strict=True)
        connection.execute(
            f"""INSERT INTO {CATALOG}.{CHECKSUMS}
                SELECT unnest(?), unnest(?), unnest(?), unnest(?)""",
            [list(names), list(snapshots), list(counts), list(digests)],
        )
