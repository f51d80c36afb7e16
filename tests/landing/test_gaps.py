"""Bars that the calendar has and silver lacks are counted, by symbol."""

from __future__ import annotations

from pipelines import steps
from pipelines.core.calendar import utc
from pipelines.lake import Lake
from tests.scripted import Scripted, bars_table
from tests.steps.data.ingest_helpers import (
    END,
    HOURS,
    START,
    clean,
    fresh_name,
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
