"""Flow, impact, illiquidity and spreads without quotes, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipelines.features import Feature, feature_matrix
from pipelines.features.trade_flow import (
    amihud,
    amihud_ratio,
    close_place,
    close_place_mean,
    high_low_spread,
    price_impact,
    roll_spread,
    signed_flow,
    up_share,
)
from tests.features.bars import panel_of, walk
from tests.features.by_hand import value_of

# Returns, as prices whose logs are whole numbers: up 2, down 1.
E = math.e
CLOSE, VOLUME = [1.0, E**2, E], [7.0, 3.0, 1.0]
BY_HAND: list[tuple[Feature, dict[str, list[float]], float]] = [
    (close_place(), {"high": [10], "low": [6], "close": [9]}, 0.5),
    (close_place(), {"high": [6], "low": [6], "close": [6]}, 0.0),
    (close_place_mean(2), {"high": [10, 4], "low": [6, 2], "close": [9, 2]}, (0.5 - 1) / 2),
    (signed_flow(2), {"close": CLOSE, "volume": VOLUME}, (3 - 1) / 4),
    (up_share(2), {"close": CLOSE}, 0.5),
    (up_share(3), {"close": [1, 2, 2, 3]}, 1.0),  # what did not move does not count
    (up_share(2), {"close": [2, 2, 2]}, 0.5),
    # Slope: (2 x 3 + -1 x -1) / (9 + 1); mean volume 2.
    (price_impact(2), {"close": CLOSE, "volume": VOLUME}, 2 * 7 / 10),
    (amihud(2), {"close": CLOSE, "volume": VOLUME}, math.log1p(1e6 * (2 / 3 + 1) / 2)),
    (amihud_ratio(1, 2), {"close": CLOSE, "volume": VOLUME}, 1 / ((2 / 3 + 1) / 2)),
    # Returns 1, -1, 1: pairs (-1, 1) and (1, -1), whose covariance is -2.
    (roll_spread(2), {"close": [1, E, 1, E]}, 2 * math.sqrt(2)),
    (roll_spread(2), {"close": [1, E, E**3, E**6]}, 0.0),  # pairs (2, 1), (3, 2): it goes on
]


@pytest.mark.parametrize(("feature", "bars", "expected"), BY_HAND)
def test_values_worked_by_hand(
    feature: Feature, bars: dict[str, list[float]], expected: float
) -> None:
    assert value_of(feature, **bars) == pytest.approx(expected, rel=1e-6)


def test_high_low_spread_is_corwin_and_schultzs() -> None:
    high, low = [101.0, 102.0], [100.0, 100.5]
    beta = math.log(101 / 100) ** 2 + math.log(102 / 100.5) ** 2
    gamma = math.log(102 / 100) ** 2
    scale = 3 - 2 * math.sqrt(2)
    alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / scale - math.sqrt(gamma / scale)
    spread = 2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha))
    expected = max(spread, 0)
    assert value_of(high_low_spread(1), high=high, low=low) == pytest.approx(expected, rel=1e-5)
    assert value_of(high_low_spread(1), high=[101, 130], low=[100, 129]) == 0.0


def test_high_low_spread_finds_a_spread_that_was_planted() -> None:
    """Prices walk without drift; trades at the ask make the highs, at the bid the lows."""
    random, minutes, bars, spread = np.random.default_rng(5), 390, 4000, 0.004
    logs = np.cumsum(random.normal(0, 0.01 / math.sqrt(minutes), (bars, minutes)).ravel())
    logs = logs.reshape(bars, minutes)
    high, low = (
        np.exp(logs.max(axis=1) + spread / 2),
        np.exp(logs.min(axis=1) - spread / 2),
    )
    panel = panel_of({"high": high, "low": low, "close": high})
    values = feature_matrix([high_low_spread(20)], panel)[20:, 0]
    assert 0.6 * spread < values.mean() < 1.8 * spread


def test_roll_spread_finds_a_spread_that_was_planted() -> None:
    random, spread = np.random.default_rng(6), 0.01
    sides = random.choice([-1, 1], 20_000)
    logs = np.cumsum(random.normal(0, 0.001, 20_000)) + spread / 2 * sides
    panel = panel_of({"close": np.exp(logs)})
    values = feature_matrix([roll_spread(200)], panel)[300:, 0]
    assert values.mean() == pytest.approx(spread, rel=0.05)


def test_price_impact_finds_an_impact_that_was_planted() -> None:
    random, impact = np.random.default_rng(7), 1e-6
    volume = random.integers(100, 1000, 5000).astype(float)
    moves = impact * volume * random.choice([-1, 1], 5000)
    panel = panel_of({"close": np.exp(np.cumsum(moves)), "volume": volume})
    values = feature_matrix([price_impact(50)], panel)[60:, 0]
    assert values.mean() == pytest.approx(impact * volume.mean(), rel=0.02)


def test_a_stream_without_volume_has_no_flow_impact_or_illiquidity() -> None:
    bars = walk(3, 60) | {"volume": np.zeros(60)}
    features = [signed_flow(10), price_impact(20), amihud(20), amihud_ratio(5, 20)]
    assert np.isnan(feature_matrix(features, panel_of(bars))).all()
