"""A page is read by range and cursor, and a cursor fits only the rows that it came from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from pipelines.core.errors import InvalidRequest
from serving.http.paging import HistoryTable, cursor_of, query, range_of
from serving.schemas.errors import TooLarge

SIGNALS = HistoryTable("gold.index_signals", ("ts", "live", "wss"), ("ts", "live"))
PREDICTIONS = HistoryTable("gold.predictions", ("ts", "symbol"), ("ts", "symbol"))
START = datetime(2026, 8, 1, tzinfo=UTC)
END = START + timedelta(days=10)


def test_a_cursor_continues_after_the_last_row() -> None:
    rows = pa.table({"ts": [END, START], "live": [True, False], "wss": [0.1, 0.2]})
    sql, values = query(SIGNALS, {"universe": None}, START, END, cursor_of(SIGNALS, rows), 2)
    assert "(ts, live) < (?, ?)" in sql
    assert values == [START, END, START, START, False]


@pytest.mark.parametrize("cursor", ["", "!", "bm8", "e30"])
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="no cursor of these rows"):
        query(SIGNALS, {}, START, END, cursor, 2)


def test_a_cursor_of_another_table_is_refused() -> None:
    rows = pa.table({"ts": [START], "symbol": ["NVDA"]})
    with pytest.raises(InvalidRequest, match="no cursor of these rows"):
        query(SIGNALS, {}, START, END, cursor_of(PREDICTIONS, rows), 2)


def test_values_of_callers_never_stand_in_the_sql() -> None:
    sql, values = query(PREDICTIONS, {"symbol": "'; DROP"}, START, END, None, 2)
    assert "DROP" not in sql
    assert "'; DROP" in values


def test_a_range_is_in_order_and_bounded() -> None:
    assert range_of(START, END, 10) == (START, END)
    with pytest.raises(InvalidRequest, match="ends at"):
        range_of(END, START, 10)
    with pytest.raises(TooLarge, match="10 days"):
        range_of(START, END, 9)
