"""A price that goes after its news slowly: by hand, and wherever history begins."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.calendar import interval_of, utc
from pipelines.sources.sample.market import slow_minutes, span_of, ticks
from pipelines.sources.sample.skeleton import Market, grid, instruments
from pipelines.sources.sample.slow_price import (
    KEPT,
    expected_move,
    gap_from_within,
    slow_path,
    start_gaps,
)


def test_a_gap_is_the_distance_from_an_exponential_average() -> None:
    opening, path = np.array([[1.0]]), np.array([[2.0, 5.0, 4.0]])
    average, gaps = 1.0, []
    for value in path[0]:
        average += (1 - KEPT) * (value - average)
        gaps.append(value - average)
    np.testing.assert_allclose(gap_from_within(path, opening)[0], gaps)
    later = start_gaps(np.array([0.7]), 3)
    np.testing.assert_allclose(later, [[0.7 * KEPT, 0.7 * KEPT**2, 0.7 * KEPT**3]])


def test_the_price_goes_after_its_news() -> None:
    """One jump of 1: the price makes 60 % of it at once, and the rest as the average does."""
    path, opening = np.ones((1, 120)), np.zeros((1, 1))
    gap = gap_from_within(path, opening)
    closes, first, share = slow_path(path, opening, gap, 0.4)
    assert closes[0, 0] == pytest.approx(1 - 0.4 * KEPT) == pytest.approx(share)
    assert first[0, 0] == pytest.approx(0)
    assert closes[0, -1] == pytest.approx(1, abs=0.01)
    move = closes[0, 30] - closes[0, 0]
    assert expected_move(gap, 0.4, 30)[0, 0] == pytest.approx(move)


def test_an_opening_has_the_gap_that_the_session_begins_with() -> None:
    path, opening = np.array([[3.0, 3.0]]), np.array([[3.0]])
    gap = gap_from_within(path, opening) + start_gaps(np.array([1.0]), 2)
    _, first, _ = slow_path(path, opening, gap, 0.4)
    assert first[0, 0] == pytest.approx(3 - 0.4)


def test_the_gap_of_a_session_does_not_depend_on_which_sessions_are_computed() -> None:
    market, low = Market(), 2000
    together = slow_minutes(market, "ES", low, low + 5)
    for session in range(5):
        alone = slow_minutes(market, "ES", low + session, low + session + 1)
        np.testing.assert_allclose(alone.gap[0], together.gap[session], rtol=0, atol=1e-12)
    assert len(set(grid().minutes[low : low + 5])) == 1


def test_es_closes_the_lag_of_its_gap_below_its_news_and_noise_has_no_lag() -> None:
    start, end = utc("2026-08-03"), utc("2026-08-08")
    for market in (Market(), Market(rank_ic=0.0)):
        span = span_of(interval_of("1m"), start, end, end)
        close = ticks(market, "ES", span).close / instruments()["ES"].ticks
        path = slow_minutes(market, "ES", span.low, span.high)
        expected = np.exp(path.news - market.lag * path.gap).ravel()
        assert np.abs(close - expected).max() <= 0.126  # half a tick
        assert market.lag == 2 * market.rank_ic
