"""Series that are read together share one calendar and one grid, or are refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.lake.series import SeriesCalendar, series_calendar
from pipelines.steps import ingest
from tests.empty_lake import lake_of_a_module
from tests.scripted import Scripted, bar_row, bars_table, hours

DAY = ("2026-09-01", "2026-09-02")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        for market, grid, symbols in (
            ("XLON", "clock", ("AZN", "BP", "HSBA", "SHEL")),
            ("XNYS", "session", ("AAPL", "MSFT")),
        ):
            opens = hours(*DAY, market=market)
            rows = [bar_row(symbol, ts, 100.0) for symbol in symbols for ts in opens]
            source = Scripted(bars_table(rows), market=market, grid=grid, name="mixed")
            ingest(lake, source, (), source.interval, *map(utc, DAY)).enforce()
        yield lake


def test_series_of_one_calendar_have_it(lake: Lake) -> None:
    with lake.view() as view:
        resolved = series_calendar(view, "mixed", "1h", ("AZN", "BP", "unknown"), "XNYS")
        assert resolved == SeriesCalendar("XLON", "clock")


def test_mixed_calendars_are_refused_by_the_names_of_their_symbols(lake: Lake) -> None:
    symbols = ("MSFT", "AAPL", "SHEL", "AZN", "BP", "HSBA")
    with lake.view() as view, pytest.raises(InvalidRequest) as caught:
        series_calendar(view, "mixed", "1h", symbols, "XNYS")
    assert caught.value.message == (
        "the 1h series of mixed do not share one calendar and grid: AZN, BP, HSBA and 1 more "
        "on XLON (clock grid); AAPL, MSFT on XNYS (session grid)"
    )


@pytest.mark.parametrize(("source", "interval"), [("other", "1h"), ("mixed", "1d")])
def test_series_that_never_came_have_the_default(lake: Lake, source: str, interval: str) -> None:
    with lake.view() as view:
        resolved = series_calendar(view, source, interval, ("AZN",), "XETR")
        assert resolved == SeriesCalendar("XETR", "session")
