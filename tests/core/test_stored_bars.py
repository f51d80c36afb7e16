"""Bars that are too many for memory lie in a file, and come back as they were."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from pipelines.core import stored_bars
from pipelines.core.calendar import utc
from pipelines.core.stored_bars import BARS, StoredBars

START = utc("2026-09-01")


def bars_of(symbols: str, first_row: int = 1) -> pa.Table:
    """One bar for each letter, an hour apart."""
    rows = [
        {"symbol": symbol, "ts": START + timedelta(hours=row), "close": float(row), "row": row}
        for row, symbol in enumerate(symbols, first_row)
    ]
    return pa.Table.from_pylist(rows, schema=BARS)


@pytest.fixture(params=["in memory", "in a file"])
def stored(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StoredBars:
    monkeypatch.setattr(stored_bars, "MEMORY_ROWS", 3 if request.param == "in a file" else 100)
    bars = StoredBars()
    for first, symbols in ((1, "AAB"), (4, "BA"), (6, "C"), (7, "")):
        bars.add(bars_of(symbols, first))
    bars.finish()
    assert bars.in_memory == (request.param == "in memory")
    return bars


def test_all_rows_come_back_in_their_order(stored: StoredBars) -> None:
    assert pa.concat_tables(stored.tables()).equals(bars_of("AABBAC"))
    assert stored.num_rows == 6
    assert stored.counts == {"A": 3, "B": 2, "C": 1}
    assert stored.first == START + timedelta(hours=1)
    assert stored.last == START + timedelta(hours=6)


@pytest.mark.parametrize(
    ("symbols", "rows"), [("A", [1, 2, 5]), ("BC", [3, 4, 6]), ("", []), ("X", [])]
)
def test_the_rows_of_some_symbols_are_read_alone(
    stored: StoredBars, symbols: str, rows: list[int]
) -> None:
    tables = [BARS.empty_table(), *stored.tables(set(symbols))]
    assert pa.concat_tables(tables)["row"].to_pylist() == rows


def test_they_can_be_read_twice(stored: StoredBars) -> None:
    first, second = (pa.concat_tables(stored.tables()) for _ in range(2))
    assert first.equals(second)


def test_rows_that_come_in_many_chunks_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_bars, "MEMORY_ROWS", 1)
    bars = StoredBars()
    bars.add(pa.concat_tables([bars_of("AB"), bars_of("A", 3), bars_of("CC", 4)]))
    bars.finish()
    (table,) = bars.tables()
    assert table.equals(bars_of("ABACC"))
    assert table["row"].num_chunks == 1


def test_few_rows_can_be_had_as_one_table_and_none_are_an_empty_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored_bars, "MEMORY_ROWS", 1)
    small = StoredBars(stays_in_memory=True)
    assert small.table().equals(BARS.empty_table())
    assert (small.first, small.last, small.num_rows) == (None, None, 0)
    small.add(bars_of("AB"))
    assert small.in_memory
    assert small.table().equals(bars_of("AB"))
