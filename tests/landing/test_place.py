"""Rows that break a rule are told apart from sane ones, and one row is chosen for each bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.core.calendar import UTC_TYPE, utc
from pipelines.lake import Lake
from pipelines.landing.place import check_rows, choose_one_a_bar, find_calendar_hint
from pipelines.landing.relations import Scratch
from tests.scripted import Scripted, bar_row, bars_table
from tests.steps.data.ingest_helpers import (
    HOURS,
    assert_nothing_vanished,
    clean,
    fresh_name,
    ingest,
    silver,
)

OPEN = datetime(2026, 9, 1, 13, 30, tzinfo=UTC)
LATER = OPEN + timedelta(hours=3)


@pytest.fixture
def scratch() -> Iterator[Scratch]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    with Scratch(connection) as scratch:
        yield scratch


def incoming(*changes: dict[str, object]) -> pa.Table:
    sane_row = {
        "symbol": "A", "label": OPEN, "ts": OPEN, "closes_at": OPEN + timedelta(hours=1),
        "session": date(2026, 9, 1), "place": 1, "open": 1.0, "high": 2.0, "low": 1.0,
        "close": 1.5, "volume": 10.0, "bid": None, "ask": None, "received_at": LATER,
        "as_of": LATER,
    }  # fmt: skip
    rows = [sane_row | {"row": number} | change for number, change in enumerate(changes, 1)]
    table = pa.Table.from_pylist(rows)
    for name in ("label", "ts", "closes_at", "received_at", "as_of"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(UTC_TYPE))
    for name in ("bid", "ask"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.float64()))
    return table


def column(scratch: Scratch, relation: str, names: str) -> list[tuple[object, ...]]:
    query = f"SELECT {names} FROM {relation} ORDER BY row"
    return scratch.connection.execute(query).fetchall()


def test_each_row_is_sane_rejected_or_still_open(scratch: Scratch) -> None:
    placed = check_rows(
        scratch,
        incoming(
            {},
            {"ts": None, "closes_at": None},
            {"close": -1.0},
            {"high": 100.0, "close": 100.0},
            {"as_of": OPEN + timedelta(minutes=5), "close": float("nan")},
        ),
    )
    assert column(scratch, placed.sane, "row") == [(1,)]
    rejects = column(scratch, placed.rejects, "row, reason")
    assert rejects == [(2, "not_in_session"), (3, "not_positive"), (4, "unit_error")]
    assert column(scratch, f"{placed.all_rows} WHERE unclosed", "row") == [(5,)]


def test_the_fullest_row_received_last_wins_its_bar(scratch: Scratch) -> None:
    placed = check_rows(
        scratch,
        incoming({"volume": 5.0}, {"volume": 9.0}, {"volume": 9.0}, {"received_at": OPEN}),
    )
    unique = choose_one_a_bar(scratch, placed, repeats=True)
    assert column(scratch, unique.winners, "volume, received_at") == [(9.0, LATER)]
    assert column(scratch, unique.conflicts, "row, reason") == [
        (1, "duplicate_conflict"), (4, "duplicate_conflict")
    ]  # fmt: skip
    assert unique.repeated == 1


def test_an_open_bar_waits(lake: Lake) -> None:
    name = next(fresh_name)
    at = utc("2026-09-15T15:00+00:00")  # in the middle of the 14:30 bar
    rows = [bar_row("A", ts, 100.0) for ts in HOURS if ts < at]
    report = ingest(lake, Scripted(bars_table(rows), name=name), as_of=at)
    assert_nothing_vanished(report)
    assert report.counts["unclosed"] == 1
    assert max(row[2] for row in silver(lake, name)) <= at  # type: ignore[type-var]
    assert not lake.rows("SELECT 1 FROM bronze.bars WHERE source = ? AND ts > ?", [name, HOURS[65]])


def test_the_fuller_of_two_rows_for_one_bar_counts(lake: Lake) -> None:
    name = next(fresh_name)
    thin = bar_row("A", HOURS[5], 99.0, volume=10)
    report = ingest(lake, Scripted(bars_table([thin, *clean("A")]), name=name))
    assert_nothing_vanished(report)
    assert dict(report.landed.reasons) == {"duplicate_conflict": 1}
    assert silver(lake, name)[5][7] == clean("A")[5]["close"]


@pytest.mark.parametrize(
    ("times", "calendar"),
    [
        (range(24 * 7), "24/7"),  # every hour of a week
        ([h for h in range(24 * 7) if h < 24 * 5], "24/5"),
        ([24 * day + h for day in range(5) for h in (*range(8, 14), *range(20, 24))], ""),
        ([24 * 5], ""),  # one row on a Saturday is a slip
        (range(0, 24 * 30, 24), "24/7"),  # every day of a month
    ],
)
def test_a_market_of_24_hours_is_recognized_by_the_times_of_rejected_rows(
    scratch: Scratch, times: Iterable[int], calendar: str
) -> None:
    monday = datetime(2026, 8, 31, tzinfo=UTC)
    outside = [{"label": monday + timedelta(hours=hour), "ts": None} for hour in times]
    placed = check_rows(scratch, incoming({}, *outside))
    assert (f"`calendar: {calendar}`" in find_calendar_hint(placed.off_session)) is bool(calendar)
    assert bool(find_calendar_hint(placed.off_session)) is bool(calendar)


def test_the_hint_is_told_with_the_counts(lake: Lake) -> None:
    hours = pd.date_range("2026-09-01", "2026-09-14", freq="h", tz="UTC")
    rows = [bar_row("A", ts.to_pydatetime(), 10.0) for ts in hours]
    report = ingest(lake, Scripted(bars_table(rows), name=next(fresh_name)))
    assert "not_in_session: is this a market of 24 hours? Set `calendar: 24/7`" in report.summary()
