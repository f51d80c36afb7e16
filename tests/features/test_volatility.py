"""Volatility compared with TA-Lib, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from pipelines.features import feature_matrix
from pipelines.features.volatility import log_true_range
from tests.features.bars import FEATURES, assert_values, cut, panel_of, walk


def test_ranges_and_bands_are_those_of_talib() -> None:
    bars = walk(7, 200)
    high, low, close = bars["high"], bars["low"], bars["close"]
    upper, _, lower = talib.BBANDS(close, 20, 2, 2)  # deviations over n, ours over n - 1
    ranges = np.log1p(talib.TRANGE(high, low, close) / np.minimum(low, np.r_[np.nan, close[:-1]]))
    assert_values(
        bars,
        {
            "bollinger_width_20": (upper - lower) / talib.SMA(close, 20) * np.sqrt(20 / 19),
            "true_range": ranges,
            "mean_true_range_20": np.r_[np.nan, talib.SMA(ranges[1:], 20)],
            "range_ratio": (high - low) / close,
        },
    )


def test_volatility_is_the_deviation_of_the_last_returns() -> None:
    bars = walk(8, 60)
    steps = np.diff(np.log(bars["close"]), prepend=np.nan)

    def deviations(count: int) -> np.ndarray:
        windows = [steps[n - count + 1 : n + 1] for n in range(count, 60)]
        return np.r_[[np.nan] * count, [window.std(ddof=1) for window in windows]]

    assert_values(
        bars,
        {
            "volatility_5": deviations(5),
            "volatility_20": deviations(20),
            "volatility_ratio_5_20": deviations(5) / deviations(20),
        },
    )


def test_atr_is_the_first_value_that_talib_gives_for_its_window() -> None:
    """TA-Lib begins with the plain mean, and smooths it from there on."""
    bars = walk(6, 300)
    for last in (15, 100, 300):
        window = cut(bars, last - 15, last)
        high, low, close = window["high"], window["low"], window["close"]
        value = feature_matrix([FEATURES["atr_14"]], panel_of(window))[-1, 0]
        assert value == pytest.approx(talib.ATR(high, low, close, 14)[-1] / close[-1], rel=1e-6)


def test_a_gap_widens_the_true_range_and_a_flat_bar_has_no_body() -> None:
    high, low, close = np.array([10.0, 13.0, 9.0]), np.array([9.0, 12.0, 9.0]), np.array([10.0] * 3)
    np.testing.assert_allclose(log_true_range(high, low, close), np.log([13 / 10, 10 / 9]))
    bars = cut(walk(1, 3), 0) | {
        "open": np.array([9.0, 12.5, 9.0]), "high": high, "low": low,
        "close": np.array([10.0, 12.0, 9.0]),
    }  # fmt: skip
    assert_values(bars, {"body_ratio": np.array([1.0, -0.5, 0.0])})


def test_wicks_and_body_make_up_a_bar() -> None:
    bars = walk(9, 50)
    names = ("upper_wick", "lower_wick", "body_ratio")
    upper, lower, body = feature_matrix([FEATURES[n] for n in names], panel_of(bars)).T
    np.testing.assert_allclose(upper + lower + np.abs(body), 1, rtol=1e-6)
    one = walk(9, 1) | {"open": np.array([4.0]), "close": np.array([5.0])}
    one |= {"high": np.array([9.0]), "low": np.array([1.0])}
    assert_values(one, {"upper_wick": np.array([0.5]), "lower_wick": np.array([3 / 8])})
