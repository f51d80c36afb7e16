"""Bring a lake to the tables as they are declared today.

What was added since is added here. What was renamed or re-typed needs a step in MIGRATIONS,
and a raised LAYOUT in pipelines/contracts/tables.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import duckdb

from pipelines.contracts.tables import LAYOUT, TABLES, Table, fingerprint, quoted
from pipelines.core.errors import LakeError
from pipelines.lake.catalog import CATALOG
from pipelines.lake.transaction import View, Writer

MIGRATED = "migrated"  # in place of a fingerprint, until all steps are done
# From layout number -> the step that makes it the next one.
MIGRATIONS: Mapping[int, Callable[[Writer], None]] = {
    1: lambda writer: _rename_target_columns(writer, "gold.features_nasdaq100_hourly", "action"),
    2: lambda writer: None,  # the step _drop_column_statistics does it, in a commit of its own
    3: lambda writer: _forget_delays_of_late_rows(writer),
}


@dataclass(frozen=True)
class Layout:
    """The tables that a lake has, by its own account. Number 0 is an empty lake."""

    number: int
    fingerprints: frozenset[str]  # of the declarations that it was brought to

    def has(self, declared: Set[str]) -> bool:
        """Whether these declarations, by their fingerprints, are the lake's."""
        return self.number == LAYOUT and declared <= self.fingerprints


def fingerprints(tables: Sequence[Table]) -> set[str]:
    """Return the fingerprints that a lake of these tables records.

    The second says that it can also be opened without the tables of forecasts.
    """
    return {fingerprint(tables), fingerprint(TABLES)}


def read_layout(view: View) -> Layout:
    """Return the layout of a lake; LakeError when it is newer than this code."""
    try:  # to look first whether the table is there costs 0.1 s at each opening
        newest = view.rows(
            "SELECT layout, fingerprint FROM meta.layouts "
            "QUALIFY applied_at = max(applied_at) OVER ()"
        )
    except duckdb.CatalogException:
        return Layout(0, frozenset())
    if not newest:
        return Layout(0, frozenset())  # its making was stopped half-way, and is done again
    number = max(number for number, _ in newest)
    if number > LAYOUT:
        raise LakeError(
            f"the lake has layout {number}, this Bullion knows up to {LAYOUT}",
            "update Bullion; the lake was not touched",
        )
    return Layout(number, frozenset(mark for _, mark in newest))


def _create_tables(writer: Writer, layout: Layout) -> None:
    """Run the migrations due, make missing tables, add missing columns."""
    if layout.number:
        for number in range(layout.number, LAYOUT):
            if number not in MIGRATIONS:
                raise LakeError(
                    f"there is no way from layout {number} to {number + 1}",
                    "export with the Bullion that wrote it: `bullion export`",
                )
            MIGRATIONS[number](writer)
        if layout.number < LAYOUT:
            # In the same commit, so that no migration runs twice if the next step is stopped.
            writer.touch("meta.layouts")
            writer.run("INSERT INTO meta.layouts VALUES (?, ?, now())", [LAYOUT, MIGRATED])
    existing = _read_columns(writer)
    for schema in sorted({table.schema for table in writer.tables}):
        writer.run(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for table in writer.tables:
        if table.full_name not in existing:
            for statement in table.ddl():
                writer.run(statement)
        else:
            _extend(writer, table, existing[table.full_name])


def _set_options(writer: Writer, layout: Layout) -> None:
    """DuckLake takes options of committed tables only, hence a step of its own."""
    for table in writer.tables:
        for option, value in (
            ("data_inlining_row_limit", table.inline_rows),
            ("parquet_row_group_size", table.group_rows),
        ):
            if value is not None:
                writer.run(
                    f"CALL lake.set_option('{option}', {value}, "
                    f"schema => '{table.schema}', table_name => '{table.name}')"
                )
    declared = fingerprints(writer.tables)
    if declared == {fingerprint(TABLES)}:
        # The tables of forecasts, where there are any, stay as they are.
        declared |= layout.fingerprints - {MIGRATED}
    writer.run("INSERT INTO meta.layouts SELECT ?, unnest(?), now()", [LAYOUT, sorted(declared)])


def _drop_column_statistics(writer: Writer, layout: Layout) -> None:
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
STEPS: tuple[Callable[[Writer, Layout], None], ...] = (
    _create_tables,
    _drop_column_statistics,
    _set_options,
)


def _read_columns(writer: Writer) -> dict[str, dict[str, str]]:
    """Return the type of each column of each table."""
    columns: dict[str, dict[str, str]] = {}
    for schema, name, column, kind in writer.rows(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = 'lake'"
    ):
        columns.setdefault(f"{schema}.{name}", {})[column] = kind
    return columns


def _rename_target_columns(writer: Writer, table: str, target: str) -> None:
    """A forecast had one target, whose outcome needed no name."""
    existing = _read_columns(writer).get(table, {})
    for column in ("outcome", "known_at"):
        if column in existing:
            writer.run(f"ALTER TABLE {table} RENAME COLUMN {column} TO {column}_{target}")


def _forget_delays_of_late_rows(writer: Writer) -> None:
    """How late a row was is said of live rows: a backfill's had the years since its bars."""
    existing = _read_columns(writer)
    for table in ("gold.predictions", "gold.index_signals"):
        if "delay_seconds" in existing.get(table, {}):
            writer.touch(table)
            writer.run(
                f"UPDATE {table} SET delay_seconds = NULL "
                "WHERE NOT live AND delay_seconds IS NOT NULL"
            )


def _extend(writer: Writer, table: Table, existing: Mapping[str, str]) -> None:
    """Add the columns that a table lacks; LakeError for a column of another type."""
    strict = _read_not_null(writer, table)
    for column in table.columns:
        if column.nullable and column.name in strict:
            writer.run(
                f"ALTER TABLE {table.full_name} ALTER COLUMN {quoted(column.name)} DROP NOT NULL"
            )
        if column.name not in existing:
            # Rows written before the column was declared have no value for it.
            writer.run(
                f"ALTER TABLE {table.full_name} ADD COLUMN {quoted(column.name)} {column.type}"
            )
        elif _normalized_type(existing[column.name]) != _normalized_type(column.type):
            raise LakeError(
                f"{table.full_name}.{column.name} is {existing[column.name]} in this lake "
                f"and {column.type} in this Bullion",
                "a migration is missing: add it to pipelines/lake/migrations.py",
            )


def _read_not_null(writer: Writer, table: Table) -> set[str]:
    """Return the columns that must have a value."""
    rows = writer.rows(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = 'lake' "
        "AND schema_name = ? AND table_name = ? AND NOT is_nullable",
        [table.schema, table.name],
    )
    return {name for (name,) in rows}


def _normalized_type(kind: str) -> str:
    return kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ").upper()
