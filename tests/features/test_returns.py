"""Returns compared with TA-Lib, and by hand."""

from __future__ import annotations

import numpy as np
import talib

from tests.features.bars import assert_values, walk


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
