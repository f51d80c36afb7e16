"""Features of quotes, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.features import Feature
from pipelines.features.quotes import (
    effective_spread,
    effective_spread_mean,
    quote_place,
    quote_place_mean,
    quote_pressure,
    quoted_spread,
    quoted_spread_mean,
    quoted_spread_rank,
    quoted_spread_ratio,
)
from tests.features.by_hand import value_of

# Two bars: middle 100 and 102, spread 2 and 4; the close at the ask, then halfway to the bid.
BID, ASK, CLOSE = [99.0, 100.0], [101.0, 104.0], [101.0, 101.0]
BY_HAND: list[tuple[Feature, dict[str, list[float]], float]] = [
    (quoted_spread(), {"bid": BID[1:], "ask": ASK[1:]}, 4 / 102),
    (quoted_spread_mean(2), {"bid": BID, "ask": ASK}, (2 / 100 + 4 / 102) / 2),
    (quoted_spread_ratio(2), {"bid": BID, "ask": ASK}, 2 * (4 / 102) / (2 / 100 + 4 / 102) - 1),
    (quoted_spread_rank(2), {"bid": BID, "ask": ASK}, 1.0),
    (quoted_spread_rank(3), {"bid": [1, 1, 1], "ask": [2, 4, 2]}, 0.25),  # an equal and a wider one
    (effective_spread(), {"close": CLOSE[1:], "bid": BID[1:], "ask": ASK[1:]}, 2 * 1 / 102),
    (effective_spread_mean(2), {"close": CLOSE, "bid": BID, "ask": ASK}, (2 / 100 + 2 / 102) / 2),
    (quote_place(), {"close": CLOSE[1:], "bid": BID[1:], "ask": ASK[1:]}, -0.5),
    (quote_place(), {"close": [7], "bid": [6], "ask": [6]}, 0.0),
    (quote_place_mean(2), {"close": CLOSE, "bid": BID, "ask": ASK}, (1 - 0.5) / 2),
    (quote_pressure(1), {"bid": BID, "ask": ASK}, 2 / 3),
]


@pytest.mark.parametrize(("feature", "bars", "expected"), BY_HAND)
def test_values_worked_by_hand(
    feature: Feature, bars: dict[str, list[float]], expected: float
) -> None:
    assert value_of(feature, **bars) == pytest.approx(expected, rel=1e-6)


def test_quotes_that_never_differ_have_no_pressure() -> None:
    value = value_of(quote_pressure(1), bid=[5, 6], ask=[5, 6])
    assert np.isnan(value)


def test_bars_without_quotes_have_no_values() -> None:
    absent = [np.nan] * 2
    for feature in (quoted_spread_mean(2), quote_place_mean(2), quote_pressure(1)):
        assert np.isnan(value_of(feature, close=CLOSE, bid=absent, ask=absent))
