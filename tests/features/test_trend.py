"""Trend features compared with TA-Lib, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from pipelines.features import Panel, feature_matrix
from tests.features.bars import FEATURES, assert_values, cut, panel_of, walk

START = np.array([0])
MACD = ("macd_12_26", "macd_signal_12_26_9", "macd_histogram_12_26_9")


def test_macd_is_talibs_of_its_sixty_bars() -> None:
    close = walk(9, 300)["close"]
    for count in (60, 61, 200, 300):
        values = feature_matrix(
            [FEATURES[name] for name in MACD], Panel({"close": close[:count]}, START)
        )[-1]
        talibs = [
            line[-1] / close[count - 1] for line in talib.MACD(close[count - 60 : count], 12, 26, 9)
        ]
        np.testing.assert_allclose(values, talibs, rtol=1e-6, atol=1e-10)


def test_macd_by_hand() -> None:
    """Averages begin as the plain mean of their first bars and are smoothed from there."""
    close = walk(9, 60)["close"]

    def smoothed(values: np.ndarray, bars: int) -> np.ndarray:
        averages = [values[:bars].sum() / bars]
        for value in values[bars:]:
            averages.append(averages[-1] * (bars - 1) / (bars + 1) + value * 2 / (bars + 1))
        return np.array(averages)

    lines = smoothed(close[14:], 12) - smoothed(close, 26)
    signal = smoothed(lines, 9)[-1]
    values = feature_matrix([FEATURES[name] for name in MACD], Panel({"close": close}, START))[-1]
    expected = np.array([lines[-1], signal, lines[-1] - signal]) / close[-1]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_sixty_bars_give_nearly_the_value_of_all_history() -> None:
    """The bars before have less than a hundredth of the slow average's weight."""
    close = walk(10, 7000)["close"]
    values = feature_matrix([FEATURES[name] for name in MACD], Panel({"close": close}, START))[200:]
    for column, line in zip(values.T, talib.MACD(close, 12, 26, 9), strict=True):
        talibs = line[200:] / close[200:]
        assert np.corrcoef(column, talibs)[0, 1] > 0.997
        assert (column - talibs).std() < 0.08 * talibs.std()


def test_moving_averages_and_bands_are_those_of_talib() -> None:
    bars = walk(7, 200)
    close = bars["close"]
    middle = talib.SMA(close, 20)
    upper, _, lower = talib.BBANDS(close, 20, 2, 2)  # deviations over n, ours over n - 1
    assert_values(
        bars,
        {
            "sma_gap_20": close / middle - 1,
            "sma_gap_50": close / talib.SMA(close, 50) - 1,
            "sma_cross_5_20": talib.SMA(close, 5) / middle - 1,
            "sma_cross_10_50": talib.SMA(close, 10) / talib.SMA(close, 50) - 1,
            "bollinger_place_20": 0.5 + (close - middle) / (upper - lower) * np.sqrt(19 / 20),
        },
    )


def test_rsi_is_the_first_value_that_talib_gives_for_its_window() -> None:
    """TA-Lib begins with plain means, and smooths them from there on."""
    bars = walk(6, 300)
    for last in (15, 100, 300):
        window = cut(bars, last - 15, last)
        value = feature_matrix([FEATURES["rsi_14"]], panel_of(window))[-1, 0]
        assert value == pytest.approx(talib.RSI(window["close"], 14)[-1], rel=1e-6)


def test_gaps_to_exponential_averages_are_talibs_of_their_windows() -> None:
    bars = walk(6, 700)
    for count in (5, 10, 20, 50):
        window = 5 * count
        for last in (window, 300, 700):
            close = bars["close"][last - window : last]
            value = feature_matrix([FEATURES[f"ema_gap_{count}"]], panel_of({"close": close}))
            expected = close[-1] / talib.EMA(close, count)[-1] - 1
            assert value[-1, 0] == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_relative_strength_of_other_lengths_is_talibs_first_value_too() -> None:
    close = walk(6, 300)["close"]
    for count in (7, 28):
        window = {"close": close[-count - 1 :]}
        value = feature_matrix([FEATURES[f"rsi_{count}"]], panel_of(window))[-1, 0]
        assert value == pytest.approx(talib.RSI(window["close"], count)[-1], rel=1e-6)
