"""Whether a night lies between a bar's close and that of the bar it is about."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.calendar import GRIDS, Grid, calendar, interval_of, utc
from serving.state.times import spans_night

YEAR = utc("2025-01-01"), utc("2026-01-01")


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("horizon", [1, 2])
@pytest.mark.parametrize("interval", ["5m", "1h", "1d"])
def test_it_does_where_the_sessions_of_the_two_bars_differ(
    interval: str, horizon: int, grid: Grid
) -> None:
    market = calendar("XNYS")
    bars = market.bars(interval_of(interval), *YEAR, grid)
    found = spans_night(market, bars.closes_at[:-horizon], bars.closes_at[horizon:])
    np.testing.assert_array_equal(found, bars.session[:-horizon] != bars.session[horizon:])
    assert found.any()


def test_a_market_that_never_closes_has_no_night() -> None:
    market = calendar("24/7")
    bars = market.bars(interval_of("1h"), *YEAR)
    assert not spans_night(market, bars.closes_at[:-1], bars.closes_at[1:]).any()


def test_what_follows_no_bar_is_not_known() -> None:
    never = np.array(["NaT", "2026-08-31T20:00"], "datetime64[us]")
    closes = np.array(["2026-08-31T20:00", "2026-08-31T19:30"], "datetime64[us]")
    assert spans_night(calendar("XNYS"), closes, never).tolist() == [False, False]
    assert spans_night(calendar("XNYS"), closes[:1], never[:1]).tolist() == [False]
