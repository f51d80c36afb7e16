"""Volume and the gap between sessions, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import talib

from pipelines.features import Feature, feature_matrix
from pipelines.features.activity import (
    tick_flow,
    volume_mean,
    volume_rank,
    volume_ratio,
    volume_trend,
    volume_z_score,
)
from tests.features.bars import assert_values, panel_of, walk
from tests.features.by_hand import value_of

BY_HAND: list[tuple[Feature, list[float], float]] = [
    (volume_mean(2), [3, 5], math.log(5)),
    (volume_z_score(3), [1, 2, 6], 3 / math.sqrt(7)),  # mean 3; squares 4, 1 and 9, over 2
    (volume_trend(1, 3), [1, 2, 6], 2.0),
    (volume_rank(4), [1, 6, 7, 6], 0.5),
    (tick_flow(1), [3, 7], math.log(8 / 4)),
    (tick_flow(2), [1, 2, 3, 4], math.log(8 / 4)),
]


@pytest.mark.parametrize(("feature", "volume", "expected"), BY_HAND)
def test_values_worked_by_hand(feature: Feature, volume: list[float], expected: float) -> None:
    assert value_of(feature, volume=volume) == pytest.approx(expected, rel=1e-6)


def test_without_any_volume_ratios_and_scores_are_missing() -> None:
    features = [volume_ratio(20), volume_z_score(20), volume_trend(5, 20)]
    values = feature_matrix(features, panel_of(walk(3, 60) | {"volume": np.zeros(60)}))
    assert np.isnan(values).all()


def test_volume_is_compared_with_the_mean_of_the_bars_before() -> None:
    bars = walk(7, 200)
    mean_before = np.r_[np.nan, talib.SMA(bars["volume"], 20)[:-1]]
    assert_values(bars, {"volume_ratio_20": bars["volume"] / mean_before})
    three = {"volume": np.array([2.0, 4.0, 9.0]), "close": np.ones(3)}
    np.testing.assert_allclose(
        feature_matrix([volume_ratio(2)], panel_of(three))[:, 0], [np.nan, np.nan, 3.0]
    )


def test_the_gap_of_a_night_shows_in_the_first_bar_of_a_session_alone() -> None:
    bars = walk(1, 4) | {
        "open": np.array([10.0, 11.0, 12.0, 8.0]),
        "close": np.array([10.0, 10.0, 16.0, 9.0]),
        "session_start": np.array([True, False, True, True]),
    }
    assert_values(bars, {"overnight_gap": np.array([np.nan, 0.0, np.log(1.2), np.log(0.5)])})
