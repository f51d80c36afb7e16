"""Volume and the place in the session, by hand."""

from __future__ import annotations

import numpy as np
import talib

from pipelines.features import feature_matrix
from pipelines.features.activity import volume_ratio
from tests.features.bars import assert_values, panel_of, walk


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


def test_the_last_bar_of_a_session_closes_at_one_whatever_its_length() -> None:
    bars = walk(1, 5) | {
        "place": np.array([0.0, 1.0, 2.0, 0.0, 1.0]),
        "session_bars": np.array([3.0, 3.0, 3.0, 2.0, 2.0]),
    }
    assert_values(bars, {"place_in_session": np.array([1 / 3, 2 / 3, 1.0, 0.5, 1.0])})
