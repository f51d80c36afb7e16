"""Every table, declared once: columns, types, units, key and meaning.

DDL, the blocking checks, the Great Expectations suites and the analysts' pages follow from
these declarations. One quantity has one column name and one unit everywhere.
"""

from __future__ import annotations

from hashlib import sha256

from pipelines.contracts import bronze, gold, meta, silver
from pipelines.contracts.schema import Column, Rule, Table, quoted
from pipelines.core.errors import unknown
from pipelines.forecasts import FORECASTS

LAYOUT = 3  # raised with each step added to MIGRATIONS in pipelines/lake/migrations.py

__all__ = ["LAYOUT", "TABLES", "Column", "Rule", "Table", "fingerprint", "quoted", "table"]

TABLES: tuple[Table, ...] = (
    *bronze.TABLES,
    *silver.TABLES,
    *gold.TABLES,
    *(forecast.table for forecast in FORECASTS),
    *meta.TABLES,
)


def table(full_name: str) -> Table:
    for known in TABLES:
        if known.full_name == full_name:
            return known
    raise unknown("table", full_name, (t.full_name for t in TABLES))


def fingerprint() -> str:
    """Changes with any declaration."""
    return sha256(repr(TABLES).encode()).hexdigest()[:16]
