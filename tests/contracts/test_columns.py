"""Columns that tables share mean the same everywhere."""

from __future__ import annotations

from pipelines.contracts.columns import BARS_KEY, INTERVAL, PRICES
from pipelines.core.intervals import INTERVALS
from pipelines.forecasts.tables import ALL_TABLES


def test_one_name_is_one_quantity_everywhere() -> None:
    kinds: dict[str, tuple[str, str]] = {}
    for declared in ALL_TABLES:
        for c in declared.columns:
            kind = (c.type, c.unit)
            if c.name in ("detail", "value", "kind", "reason", "status", "name"):
                continue
            assert kinds.setdefault(c.name, kind) == kind, f"{declared.full_name}.{c.name}"


def test_the_column_of_intervals_allows_exactly_those_there_are() -> None:
    assert INTERVAL.among == tuple(interval.name for interval in INTERVALS)


def test_every_table_of_bars_has_the_key_and_the_prices_of_bars() -> None:
    for name in ("bronze.bars", "silver.bars"):
        (table,) = (table for table in ALL_TABLES if table.full_name == name)
        assert set(BARS_KEY) <= set(table.key)
        for price in PRICES:
            assert (table.column(price.name).type, table.column(price.name).unit) == (
                price.type,
                price.unit,
            )
