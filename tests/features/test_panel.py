"""Bars become a panel: symbols end to end, each bar with its place in the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.calendar import UTC_TYPE, calendar
from pipelines.core.errors import InvalidRequest
from pipelines.core.intervals import interval_of
from pipelines.features.panel import build_panel

FIRST = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)  # a Monday's first hour in New York


def bars(*symbols: str, hours: tuple[int, ...] = (0, 1, 2)) -> pa.Table:
    ts = [FIRST + timedelta(hours=hour) for hour in hours]
    return pa.table(
        {
            "symbol": [symbol for symbol in symbols for _ in ts],
            "ts": pa.array(ts * len(symbols), UTC_TYPE),
            "close": np.arange(float(len(ts) * len(symbols))),
        }
    )


def test_symbols_lie_end_to_end_and_a_missing_bar_shows_in_the_ordinal() -> None:
    panel = build_panel(bars("AAPL", "MSFT", hours=(0, 2)), calendar(), interval_of("1h"))
    assert (len(panel), panel.starts.tolist()) == (4, [0, 2])
    assert panel.bars_before.tolist() == [0, 1, 0, 1]
    assert panel.first_rows(1).tolist() == [0, 2]
    assert panel.arrays["place"].tolist() == [0, 2, 0, 2]
    assert panel.arrays["session_start"].tolist() == [True, False, True, False]
    assert np.diff(panel.arrays["ordinal"])[[0, 2]].tolist() == [2, 2]
    assert set(panel.arrays["session_bars"]) == {7}
    assert set(panel.arrays["weekday"]) == {FIRST.weekday()}


def test_bars_that_do_not_lie_together_or_open_at_no_bar_are_refused() -> None:
    mixed = bars("AAPL", "MSFT", "AAPL")
    with pytest.raises(InvalidRequest, match="do not lie together"):
        build_panel(mixed, calendar(), interval_of("1h"))
    with pytest.raises(InvalidRequest, match="opens no 1h bar"):
        build_panel(bars("AAPL", hours=(0, 9)), calendar(), interval_of("1h"))


def test_no_bars_are_an_empty_panel() -> None:
    panel = build_panel(bars("AAPL").slice(0, 0), calendar(), interval_of("1h"))
    assert len(panel) == len(panel.bars_before) == 0
