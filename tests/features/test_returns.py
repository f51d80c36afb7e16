"""Returns compared with TA-Lib, and by hand."""

from __future__ import annotations

import numpy as np
import talib

from pipelines.features import feature_matrix
from tests.features.bars import FEATURES, assert_values, panel_of, walk


def test_returns_are_those_of_talib() -> None:
    bars = walk(7, 200)
    close = bars["close"]
    before = np.r_[np.nan, talib.ROCP(close, 1)[:-1]]
    assert_values(
        bars,
        {
            "log_return_1": np.log1p(talib.ROCP(close, 1)),
            "log_return_10": np.log1p(talib.ROCP(close, 10)),
            "mean_return_20": np.log1p(talib.ROCP(close, 20)) / 20,
            "lagged_return_1": np.log1p(before),
            "lagged_return_5": np.log1p(np.r_[[np.nan] * 4, before[:-4]]),
        },
    )


def test_a_scaled_return_is_the_newest_in_deviations_of_the_last_twenty() -> None:
    bars = walk(8, 60)
    steps = np.diff(np.log(bars["close"]), prepend=np.nan)
    windows = [steps[n - 19 : n + 1] for n in range(20, 60)]
    scaled = [window[-1] / window.std(ddof=1) for window in windows]
    assert_values(bars, {"scaled_return_20": np.r_[[np.nan] * 20, scaled]})


def test_a_move_is_weighed_by_the_volume_and_by_the_spread_of_its_bar() -> None:
    bars = walk(8, 60)
    names = ("scaled_return_20", "volume_ratio_20", "return_by_volume_20", "return_by_spread_20")
    scaled, volume_ratio, by_volume, by_spread = feature_matrix(
        [FEATURES[name] for name in names], panel_of(bars)
    )[20:].T
    np.testing.assert_allclose(by_volume, scaled * volume_ratio, rtol=1e-5)
    spread = 2 * (bars["ask"] - bars["bid"]) / (bars["ask"] + bars["bid"])
    usual = np.array([spread[n - 19 : n + 1].mean() for n in range(20, 60)])
    np.testing.assert_allclose(by_spread, scaled * spread[20:] / usual, rtol=1e-5)
