"""Rows are placed on the stretch of calendar that can decide on them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, calendar, interval_of, utc
from pipelines.lake import Lake
from pipelines.landing.grid import BarGrid, RowOrder, build_grid, place_rows
from pipelines.landing.rules import REACH
from tests.scripted import Scripted, bar_row, bars_table
from tests.steps.data.ingest_helpers import (
    clean,
    fresh_name,
    ingest,
    quarantine,
    silver,
)

OPEN = utc("2026-09-01T13:30+00:00")
XNYS = calendar("XNYS")


def rows(*keys: tuple[str, datetime]) -> pa.Table:
    symbols, times = zip(*keys, strict=True)
    return pa.table({"symbol": list(symbols), "ts": pa.array(times, UTC_TYPE)})


def test_a_grid_reaches_as_far_as_bars_decide_on_each_other() -> None:
    grid = build_grid(XNYS, interval_of("1h"), "session", OPEN, OPEN + timedelta(hours=1))
    opens = grid.table["ts"].to_pylist()
    first = opens.index(OPEN)
    assert (first, len(opens)) == (REACH, REACH + 2 + REACH)
    assert grid.judged == (OPEN, opens[-1])
    assert grid.labels == (opens[0], opens[-1])


def test_a_day_is_placed_by_the_date_that_names_it() -> None:
    day = utc("2026-09-01")
    grid = build_grid(XNYS, interval_of("1d"), "session", day, day)
    assert grid.judged_from == OPEN
    placed, order = place_rows(rows(("A", day), ("A", utc("2026-09-07"))), grid)
    assert placed["session"].to_pylist() == [date(2026, 9, 1), None]  # the 7th was Labor Day
    assert not order.ascending


def test_the_order_of_rows_is_seen() -> None:
    after = OPEN + timedelta(hours=1)
    grid = build_grid(XNYS, interval_of("1h"), "session", OPEN, after)
    for keys, order in (
        ([("A", OPEN), ("A", after), ("B", OPEN)], RowOrder(ascending=True, repeats=False)),
        ([("B", OPEN), ("A", OPEN)], RowOrder(ascending=False, repeats=False)),
        ([("A", after), ("A", OPEN)], RowOrder(ascending=False, repeats=False)),
        ([("A", OPEN), ("A", OPEN)], RowOrder(ascending=False, repeats=True)),
    ):
        assert place_rows(rows(*keys), grid)[1] == order


def test_without_a_bar_nothing_is_judged() -> None:
    grid = BarGrid(build_grid(XNYS, interval_of("1h"), "session", OPEN, OPEN).table[:0], None)
    placed, order = place_rows(rows(("A", OPEN)), grid)
    assert placed["ts"].null_count == 1
    assert not order.ascending
    assert (grid.labels, grid.judged, grid.since) == (
        (None, None), (None, None), "NULL::TIMESTAMPTZ"
    )  # fmt: skip


def test_only_bars_of_real_sessions_count(lake: Lake) -> None:
    name = next(fresh_name)
    saturday = datetime(2026, 9, 5, 14, 30, tzinfo=UTC)
    odd = datetime(2026, 9, 4, 14, 31, tzinfo=UTC)
    rows = [*clean("A"), bar_row("A", saturday, 100.0), bar_row("A", odd, 100.0)]
    report = ingest(lake, Scripted(bars_table(rows), name=name))
    assert dict(report.landed.reasons) == {"not_in_session": 2}
    assert {ts for _, ts, _, _ in quarantine(lake, name)} == {saturday, odd}


def test_daily_bars_are_named_by_their_session(lake: Lake) -> None:
    name = next(fresh_name)
    days = [datetime(2026, 9, d, tzinfo=UTC) for d in (1, 2, 3, 4, 5, 8)]
    rows = bars_table([bar_row("A", day, 100.0) for day in days])
    report = ingest(lake, Scripted(rows, interval="1d", name=name), end="2026-09-09")
    assert dict(report.landed.reasons) == {"not_in_session": 1}
    first = silver(lake, name)[0]
    assert (first[1], first[2]) == (
        datetime(2026, 9, 1, 13, 30, tzinfo=UTC),
        datetime(2026, 9, 1, 20, 0, tzinfo=UTC),
    )
    assert interval_of("1d").name == "1d"
