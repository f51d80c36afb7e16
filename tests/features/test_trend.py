"""Trends beside TA-Lib's, and by hand."""

from __future__ import annotations

import numpy as np
import talib

from pipelines.features import SETS, Panel, feature_matrix
from tests.features.bars import walk

START = np.array([0])


FEATURES = {feature.name: feature for chosen in SETS for feature in chosen}


MACD = ("macd_12_26", "macd_signal_12_26_9", "macd_histogram_12_26_9")


def test_macd_is_talibs_of_its_sixty_bars() -> None:
    close = walk(9, 300)["close"]
    for at in (60, 61, 200, 300):
        ours = feature_matrix(
            [FEATURES[name] for name in MACD], Panel({"close": close[:at]}, START)
        )[-1]
        talibs = [line[-1] / close[at - 1] for line in talib.MACD(close[at - 60 : at], 12, 26, 9)]
        np.testing.assert_allclose(ours, talibs, rtol=1e-6, atol=1e-10)


def test_macd_by_hand() -> None:
    """Averages that begin as the plain mean of their first bars, and lines of them from there."""
    close = walk(9, 60)["close"]

    def smoothed(values: np.ndarray, bars: int) -> np.ndarray:
        made = [values[:bars].sum() / bars]
        for value in values[bars:]:
            made.append(made[-1] * (bars - 1) / (bars + 1) + value * 2 / (bars + 1))
        return np.array(made)

    lines = smoothed(close[14:], 12) - smoothed(close, 26)
    signal = smoothed(lines, 9)[-1]
    ours = feature_matrix([FEATURES[name] for name in MACD], Panel({"close": close}, START))[-1]
    expected = np.array([lines[-1], signal, lines[-1] - signal]) / close[-1]
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_sixty_bars_are_near_what_talib_makes_of_all_history() -> None:
    """The bars before have less than a hundredth of the slow average's weight."""
    close = walk(10, 7000)["close"]
    ours = feature_matrix([FEATURES[name] for name in MACD], Panel({"close": close}, START))[200:]
    for column, line in zip(ours.T, talib.MACD(close, 12, 26, 9), strict=True):
        talibs = line[200:] / close[200:]
        assert np.corrcoef(column, talibs)[0, 1] > 0.997
        assert (column - talibs).std() < 0.08 * talibs.std()
