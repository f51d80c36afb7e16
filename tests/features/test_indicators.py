"""Indicators of charts: TA-Lib's values, the very values of features, from a fixed window."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from pipelines.features import Panel, feature_matrix
from pipelines.features.base import Feature
from pipelines.features.indicators import INDICATORS, columns_of, compute_indicators
from tests.features.bars import FEATURES, walk

CLOSE = walk(21, 700)["close"]
COLUMNS = columns_of(INDICATORS)


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_the_value_of_a_bar_depends_on_its_window_alone(column: Feature) -> None:
    name = next(name for name, columns in INDICATORS.items() if column in columns)
    whole = compute_indicators([name], CLOSE)[column.name]
    for last in (column.window, 400, 700):
        part = compute_indicators([name], CLOSE[last - column.window : last])[column.name]
        assert part[-1] == whole[last - 1]
    assert np.isnan(whole[: column.look_back]).all()
    assert np.isfinite(whole[column.look_back :]).all()


def test_averages_and_bands_are_talibs() -> None:
    values = compute_indicators(["sma_20", "sma_50", "ema_20", "ema_50", "bollinger_20"], CLOSE)
    high, middle, low = talib.BBANDS(CLOSE, 20, 2, 2)
    # TA-Lib divides by n, the features of this library by n - 1.
    wider = np.sqrt(20 / 19)
    expected = {
        "sma_20": talib.SMA(CLOSE, 20),
        "sma_50": talib.SMA(CLOSE, 50),
        "bollinger_middle_20": middle,
        "bollinger_low_20": middle - (middle - low) * wider,
        "bollinger_high_20": middle + (high - middle) * wider,
    }
    for name, talibs in expected.items():
        np.testing.assert_allclose(values[name][60:], talibs[60:], rtol=1e-7, err_msg=name)
    for bars in (20, 50):  # which never forgets where it began
        talibs = talib.EMA(CLOSE, bars)[300:]
        np.testing.assert_allclose(values[f"ema_{bars}"][300:], talibs, rtol=1e-3)


def test_rsi_and_macd_are_the_features_that_models_read() -> None:
    values = compute_indicators(["rsi_14", "macd"], CLOSE)
    assert len(values) == 4
    for name, column in values.items():
        feature = feature_matrix([FEATURES[name]], Panel({"close": CLOSE}, np.array([0])))[:, 0]
        np.testing.assert_array_equal(column.astype(np.float32), feature)


def test_a_short_history_has_columns_without_values() -> None:
    values = compute_indicators(["sma_20", "rsi_14"], CLOSE[:14])
    assert [len(column) for column in values.values()] == [14, 14]
    assert np.isnan(list(values.values())).all()
    assert compute_indicators(["sma_20"], CLOSE[:0])["sma_20"].size == 0


def test_a_price_that_stands_still_has_no_strength_either_way() -> None:
    still = compute_indicators(["rsi_14", "bollinger_20"], np.full(30, 5.0))
    assert still["rsi_14"][-1] == 50
    assert still["bollinger_low_20"][-1] == still["bollinger_high_20"][-1] == 5


def test_columns_come_once_in_the_order_of_their_indicators() -> None:
    assert list(columns_of(["macd", "sma_20", "macd"])) == [
        "macd_12_26", "macd_signal_12_26_9", "macd_histogram_12_26_9", "sma_20",
    ]  # fmt: skip
