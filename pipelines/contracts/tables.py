"""Every table but those of the forecasts, declared once: columns, types, units, key and meaning.

DDL, the blocking checks, the Great Expectations suites and the analysts' page follow from these
declarations. One quantity has one column name and one unit everywhere. The feature table of each
forecast follows from the forecast: see pipelines/forecasts/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import sha256

from pipelines.contracts import bronze, evidence, gold, meta, news, silver
from pipelines.contracts.schema import Column, Rule, Table, quoted
from pipelines.core.errors import unknown

LAYOUT = 4  # raised with each step added to MIGRATIONS in pipelines/lake/migrations.py
LAYERS = ("bronze", "silver", "gold", "meta")

__all__ = [
    "LAYERS", "LAYOUT", "TABLES", "Column", "Rule", "Table", "find_table", "fingerprint",
    "quoted", "sort_by_layer",
]  # fmt: skip


def sort_by_layer(tables: Iterable[Table]) -> tuple[Table, ...]:
    """Order tables by their layer; within a layer they keep their order."""
    return tuple(sorted(tables, key=lambda table: LAYERS.index(table.schema)))


TABLES: tuple[Table, ...] = sort_by_layer(
    (
        *bronze.TABLES,
        *silver.TABLES,
        *gold.TABLES,
        *evidence.TABLES,
        *news.TABLES,
        *meta.TABLES,
    )
)


def find_table(full_name: str, tables: Iterable[Table] = TABLES) -> Table:
    """Return the table of that name, such as silver.bars."""
    tables = tuple(tables)
    for table in tables:
        if table.full_name == full_name:
            return table
    raise unknown("table", full_name, (t.full_name for t in tables))


def fingerprint(tables: Iterable[Table] = TABLES) -> str:
    """Hash the declarations of tables: it changes with any of them."""
    return _hash_declarations(sort_by_layer(tables))


@cache  # each opening of a lake compares it, and the tables are some 300 columns
def _hash_declarations(tables: tuple[Table, ...]) -> str:
    return sha256(repr(tables).encode()).hexdigest()[:16]
