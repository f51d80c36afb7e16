"""What was computed of a snapshot is computed once, and never answered for another one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from serving.state.computed import ComputedTable, ComputedTables


def table(rows: int = 1) -> ComputedTable:
    return ComputedTable(pa.table({"x": pa.array([0.0] * rows)}), {})


def refuse() -> ComputedTable:
    raise AssertionError("it was computed before")


def test_a_table_is_computed_once_for_each_snapshot_and_key() -> None:
    tables = ComputedTables()
    first = tables.compute("a", 1, table)
    assert tables.compute("a", 1, refuse) is first
    assert tables.get("a", 1) is first
    assert tables.get("b", 1) is None
    assert tables.get("a", 2) is None
    assert tables.compute("a", 2, table) is not first


def test_a_restored_catalog_with_the_number_of_another_one_is_another_version() -> None:
    tables = ComputedTables()
    tables.compute("a", ("first catalog", 7), table)
    assert tables.get("a", ("second catalog", 7)) is None
    tables.compute("a", ("second catalog", 7), table)
    assert tables.get("a", ("first catalog", 7)) is None


def test_what_fails_is_computed_again() -> None:
    tables = ComputedTables()
    with pytest.raises(AssertionError):
        tables.compute("a", 1, refuse)
    assert tables.compute("a", 1, table) is tables.get("a", 1)


def test_more_than_the_bound_is_not_held() -> None:
    tables = ComputedTables(most_bytes=1000)
    for key in range(100):
        tables.compute(key, 1, lambda: table(20))
    keys_in_memory = [key for key in range(100) if tables.get(key, 1)]
    assert 0 < len(keys_in_memory) <= 1000 // 160
    assert keys_in_memory[-1] == 99
    tables.compute("large", 1, lambda: table(1000))
    assert tables.get("large", 1) is None
