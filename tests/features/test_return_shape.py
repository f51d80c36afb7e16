"""The shape of returns: by hand, by SciPy, and where it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pipelines.features import Feature, feature_matrix
from pipelines.features.return_shape import (
    downside_share,
    jump_share,
    kurtosis,
    largest_move,
    skewness,
    variance_ratio,
    volatility_rank,
)
from tests.features.bars import FEATURES, panel_of, walk
from tests.features.by_hand import value_of


def prices(*returns: float) -> dict[str, list[float]]:
    """Closes that make these log-returns."""
    return {"close": np.exp(np.cumsum([0.0, *returns])).tolist()}


BY_HAND: list[tuple[Feature, dict[str, list[float]], float]] = [
    (downside_share(3), prices(1, -2, 2), 4 / 9),
    (skewness(3), prices(0, 0, 3), 2 / 2**1.5),  # mean 1: -1, -1, 2; m2 2, m3 2
    (kurtosis(3), prices(0, 0, 3), 6 / 4),  # m4 18 / 3
    (largest_move(3), prices(1, -2, 1.5), 2.0),
    # |r| of neighbours: 1 x 1 + 1 x 4 = 5, of squares 18.
    (jump_share(3), prices(1, -1, 4), 1 - math.pi / 2 * 3 / 2 * 5 / 18),
    (jump_share(3), prices(1, 1, 1), 0.0),
    # Two-bar returns 3 and 1, mean square 5; squares 1, 4, 1 with mean 2.
    (variance_ratio(2, 3), prices(1, 2, -1), 5 / (2 * 2)),
    # Deviations of two returns: of (0, 2), (2, 2), (2, 3): 1.41, 0, 0.71.
    (volatility_rank(2, 3), prices(0, 2, 2, 3), 0.5),
]


@pytest.mark.parametrize(("feature", "bars", "expected"), BY_HAND)
def test_values_worked_by_hand(
    feature: Feature, bars: dict[str, list[float]], expected: float
) -> None:
    columns = bars | {"log_close": np.log(bars["close"]).tolist()}
    assert value_of(feature, **columns) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_moments_are_scipys() -> None:
    bars = walk(12, 300)
    moves = np.diff(np.log(bars["close"]))
    values = feature_matrix([FEATURES["skewness_50"], FEATURES["kurtosis_50"]], panel_of(bars))
    for last in (51, 100, 300):
        window = moves[last - 51 : last - 1]
        expected = [stats.skew(window), stats.kurtosis(window, fisher=False)]
        np.testing.assert_allclose(values[last - 1], expected, rtol=1e-5)


def test_a_walk_has_a_variance_ratio_of_one_and_no_jumps_to_speak_of() -> None:
    closes = walk(13, 20_000)["close"]
    panel = panel_of({"close": closes})
    ratio, jumps = feature_matrix([variance_ratio(5, 50), jump_share(20)], panel)[60:].T
    assert ratio.mean() == pytest.approx(1, abs=0.05)
    assert jumps.mean() < 0.15
    trending = np.exp(np.cumsum(np.repeat(np.random.default_rng(1).normal(0, 0.01, 4000), 5)))
    (trends,) = feature_matrix([variance_ratio(5, 50)], panel_of({"close": trending}))[60:].T
    assert trends.mean() > 2


def test_returns_that_are_all_zero_have_stated_values() -> None:
    expected = {
        downside_share(9): 0.5,
        skewness(9): 0.0,
        kurtosis(9): 3.0,
        jump_share(9): 0.0,
        variance_ratio(3, 9): 1.0,
        largest_move(9): 0.0,
    }
    for feature, value in expected.items():
        assert value_of(feature, close=[7.0] * 10) == value, feature.name
