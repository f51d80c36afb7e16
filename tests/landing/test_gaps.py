"""Bars that the calendar has and silver lacks are counted, by symbol."""

from __future__ import annotations

from pipelines import steps
from pipelines.core.calendar import utc
from pipelines.lake import Lake
from tests.scripted import Scripted, bar_row, bars_table
from tests.steps.data.ingest_helpers import (
    END,
    HOURS,
    START,
    clean,
    fresh_name,
    gaps,
    silver,
)


def test_a_symbol_that_never_came_is_missing(lake: Lake) -> None:
    name = next(fresh_name)
    source = Scripted(bars_table(clean("A")), name=name)
    report = steps.ingest(lake, source, ("A", "Z"), source.interval, utc(START), utc(END))
    assert report.landed.missing == {"Z": len(HOURS)}
    gaps = lake.rows(
        "SELECT symbol, sum(missing) FROM silver.gaps WHERE source = ? GROUP BY 1", [name]
    )
    assert gaps == [("Z", len(HOURS))]


def test_without_a_start_a_symbol_is_expected_from_its_first_row_on(lake: Lake) -> None:
    name = next(fresh_name)
    rows = clean("A") + clean("B")[70:]
    del rows[100]
    source = Scripted(bars_table(rows), name=name)
    report = steps.ingest(lake, source, (), source.interval, None, utc(END))
    assert report.landed.missing == {"A": 1}
    assert report.landed.expected.total() == len(HOURS) + len(HOURS) - 70


def bring(lake: Lake, name: str, rows: list[dict[str, object]]) -> None:
    source = Scripted(bars_table(rows), name=name)
    steps.ingest(lake, source, (), source.interval, None, utc(END))


def test_a_row_that_changes_the_verdict_on_a_later_session_changes_its_gaps(lake: Lake) -> None:
    name = next(fresh_name)
    before_hole = [bar_row("A", ts, 100.0) for ts in HOURS[:7]]
    after_hole = [bar_row("A", ts, 400.0) for ts in HOURS[70:77]]  # long after: no leap
    bring(lake, name, before_hole + after_hole)
    assert HOURS[70].date() not in {session for _, session, _ in gaps(lake, name)}
    bring(lake, name, [bar_row("A", ts, 100.0) for ts in HOURS[63:70]])  # now it is one
    missing = [
        ts for _, session, hours in gaps(lake, name) if session == HOURS[70].date() for ts in hours
    ]
    in_silver = {row[1] for row in silver(lake, name)}
    assert missing == [ts for ts in HOURS[70:77] if ts not in in_silver]
    assert missing


def test_gaps_of_one_symbol_stay_where_only_another_is_received(lake: Lake) -> None:
    name = next(fresh_name)
    bring(lake, name, [row for row in clean("AB") if row["ts"] != HOURS[80]])
    missing = gaps(lake, name)
    assert [(symbol, *hours) for symbol, _, hours in missing] == [
        ("A", HOURS[80]),
        ("B", HOURS[80]),
    ]
    bring(lake, name, clean("A")[:7] + clean("B")[100:107])  # one before that hour, one after it
    assert gaps(lake, name) == missing
