"""Bringing a lake to the tables as they are declared today.

What was added since is added here. What was renamed or re-typed needs a step in MIGRATIONS,
and a raised LAYOUT in pipelines/contracts/tables.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from pipelines.contracts.tables import LAYOUT, TABLES, Table, fingerprint, quoted
from pipelines.core.errors import LakeError
from pipelines.lake.attach import CATALOG

if TYPE_CHECKING:
    from pipelines.lake import View, Writer

# From layout number -> the step that makes it the next one.
MIGRATIONS: Mapping[int, Callable[[Writer], None]] = {
    1: lambda writer: _name_the_target(writer, "gold.features_nasdaq100_hourly", "action"),
    2: lambda writer: None,  # the step _drop_column_statistics does it, in a commit of its own
}


@dataclass(frozen=True)
class State:
    """What a lake says of itself. Layout 0 is an empty one."""

    layout: int
    fingerprint: str

    @property
    def current(self) -> bool:
        return self.layout == LAYOUT and self.fingerprint == fingerprint()


def state(view: View) -> State:
    """The layout of a lake; LakeError when it is newer than this code."""
    try:  # to look first whether the table is there costs 0.1 s at each opening
        newest = view.rows(
            "SELECT layout, fingerprint FROM meta.layouts ORDER BY applied_at DESC LIMIT 1"
        )
    except duckdb.CatalogException:
        return State(0, "")
    if not newest:
        return State(0, "")  # its making was stopped half-way, and is done again
    layout, seen = newest[0]
    if layout > LAYOUT:
        raise LakeError(
            f"the lake has layout {layout}, this Bullion knows up to {LAYOUT}",
            "update Bullion; the lake was not touched",
        )
    return State(layout, seen)


def _all_tables(writer: Writer, found: State) -> None:
    if found.layout:
        for number in range(found.layout, LAYOUT):
            if number not in MIGRATIONS:
                raise LakeError(
                    f"there is no way from layout {number} to {number + 1}",
                    "export with the Bullion that wrote it: `bullion export`",
                )
            MIGRATIONS[number](writer)
        if found.layout < LAYOUT:
            # In the same commit, so that no migration runs twice if the next step is stopped.
            writer.touch("meta.layouts")
            writer.run("INSERT INTO meta.layouts VALUES (?, 'migrated', now())", [LAYOUT])
    have = _columns(writer)
    for schema in sorted({table.schema for table in TABLES}):
        writer.run(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for table in TABLES:
        if table.full_name not in have:
            for statement in table.ddl():
                writer.run(statement)
        else:
            _extend(writer, table, have[table.full_name])


def _options(writer: Writer, found: State) -> None:
    """DuckLake takes options of committed tables only, hence a step of its own."""
    for table in TABLES:
        for option, value in (
            ("data_inlining_row_limit", table.inline_rows),
            ("parquet_row_group_size", table.group_rows),
        ):
            if value is not None:
                writer.run(
                    f"CALL lake.set_option('{option}', {value}, "
                    f"schema => '{table.schema}', table_name => '{table.name}')"
                )
    writer.run("INSERT INTO meta.layouts VALUES (?, ?, now())", [LAYOUT, fingerprint()])


def _drop_column_statistics(writer: Writer, found: State) -> None:
    """Remove DuckLake's smallest and largest values of whole tables, and keep its row counts.

    DuckDB answers min and max from them, and leaves rows out that a filter says lie outside. They
    are those of the newest snapshot at best: a row written and deleted in one commit widens them
    for ever, and a rewrite narrows them for older snapshots too. The statistics of each file, by
    which a query skips files, stay: they are exact.

    DuckLake adds none to a table whose rows are counted. Of one that is not it asks the catalog
    once for each column of each query, hence a count of 0 for the tables never written.
    """
    counted = f"SELECT table_id FROM {CATALOG}.ducklake_table_stats"
    uncounted = writer.rows(
        f"""SELECT table_id FROM {CATALOG}.ducklake_table
            WHERE end_snapshot IS NULL AND table_id NOT IN ({counted})"""
    )
    for (table_id,) in uncounted:
        writer.run(f"INSERT INTO {CATALOG}.ducklake_table_stats VALUES (?, 0, 0, 0)", [table_id])
    writer.run(f"DELETE FROM {CATALOG}.ducklake_table_column_stats")


# Each a commit of its own, each safe to repeat; the last one says that all is done.
STEPS: tuple[Callable[[Writer, State], None], ...] = (
    _all_tables,
    _drop_column_statistics,
    _options,
)


def _columns(writer: Writer) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for schema, name, column, kind in writer.rows(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = 'lake'"
    ):
        found.setdefault(f"{schema}.{name}", {})[column] = kind
    return found


def _name_the_target(writer: Writer, table: str, target: str) -> None:
    """A forecast had one target, whose outcome needed no name."""
    have = _columns(writer).get(table, {})
    for column in ("outcome", "known_at"):
        if column in have:
            writer.run(f"ALTER TABLE {table} RENAME COLUMN {column} TO {column}_{target}")


def _extend(writer: Writer, table: Table, have: Mapping[str, str]) -> None:
    strict = _not_null(writer, table)
    for column in table.columns:
        if column.nullable and column.name in strict:
            writer.run(
                f"ALTER TABLE {table.full_name} ALTER COLUMN {quoted(column.name)} DROP NOT NULL"
            )
        if column.name not in have:
            # Rows written before the column was declared have no value for it.
            writer.run(
                f"ALTER TABLE {table.full_name} ADD COLUMN {quoted(column.name)} {column.type}"
            )
        elif _plain(have[column.name]) != _plain(column.type):
            raise LakeError(
                f"{table.full_name}.{column.name} is {have[column.name]} in this lake "
                f"and {column.type} in this Bullion",
                "a migration is missing: add it to pipelines/lake/migrations.py",
            )


def _not_null(writer: Writer, table: Table) -> set[str]:
    found = writer.rows(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = 'lake' "
        "AND schema_name = ? AND table_name = ? AND NOT is_nullable",
        [table.schema, table.name],
    )
    return {name for (name,) in found}


def _plain(kind: str) -> str:
    return kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ").upper()
