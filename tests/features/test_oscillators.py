"""Oscillators compared with TA-Lib, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from pipelines.features import Feature, feature_matrix
from pipelines.features.oscillators import (
    adx,
    aroon,
    cci,
    minus_di,
    money_flow,
    place_in_range,
    plus_di,
    roc,
    stochastic_d,
    stochastic_k,
)
from tests.features.bars import FEATURES, assert_values, panel_of, walk
from tests.features.by_hand import value_of

HIGH, LOW, CLOSE = [5.0, 6.0, 8.0], [3.0, 4.0, 5.0], [4.0, 5.0, 7.0]
# Up 1 and 2, never down; true ranges 2 (6 to 4) and 3 (8 to 5).
BY_HAND: list[tuple[Feature, dict[str, list[float]], float]] = [
    (roc(2), {"close": CLOSE}, 7 / 4 - 1),
    (stochastic_k(3), {"high": HIGH, "low": LOW, "close": CLOSE}, 100 * (7 - 3) / (8 - 3)),
    (place_in_range(3), {"high": HIGH, "low": LOW, "close": CLOSE}, 0.8),
    # Of the first two bars: (5 - 3) / (6 - 3); of the last two: (7 - 4) / (8 - 4).
    (stochastic_d(2, 2), {"high": HIGH, "low": LOW, "close": CLOSE}, 100 * (2 / 3 + 3 / 4) / 2),
    (plus_di(2), {"high": HIGH, "low": LOW, "close": CLOSE}, 100 * 3 / 5),
    (minus_di(2), {"high": HIGH, "low": LOW, "close": CLOSE}, 0.0),
    (minus_di(1), {"high": [6, 5], "low": [4, 1], "close": [5, 2]}, 100 * 3 / 4),
    # One of rises 1 and falls 3 in a row: 100 each time.
    (adx(1), {"high": [6, 5], "low": [4, 1], "close": [5, 2]}, 100.0),
    # Typical prices 4, 5, 20/3, their mean 47/9; the mean deviation is 26/27.
    (cci(3), {"high": HIGH, "low": LOW, "close": CLOSE}, (20 / 3 - 47 / 9) / (0.015 * 26 / 27)),
    (aroon(2), {"high": HIGH, "low": LOW}, 100.0),  # highest now, lowest two bars ago
    (aroon(2), {"high": [9, 8, 8], "low": [1, 1, 2]}, 100 * (0 - 1) / 2),  # of equals the newest
    # 5 x 10 as it rose, 20/3 x 30 as it rose.
    (money_flow(2), {"high": HIGH, "low": LOW, "close": CLOSE, "volume": [9, 10, 30]}, 100.0),
    (
        money_flow(2),
        {"high": [4, 6, 5], "low": [4, 6, 5], "close": [4, 6, 5], "volume": [1, 10, 4]},
        100 * 60 / (60 + 20),
    ),
]


@pytest.mark.parametrize(("feature", "bars", "expected"), BY_HAND)
def test_values_worked_by_hand(
    feature: Feature, bars: dict[str, list[float]], expected: float
) -> None:
    assert value_of(feature, **bars) == pytest.approx(expected, rel=1e-6)


def test_adx_is_the_mean_of_how_one_sided_its_windows_are() -> None:
    bars = {"high": [6.0, 7, 7, 9], "low": [4.0, 5, 3, 4], "close": [5.0, 6, 4, 8]}
    # Over two bars each: up 1 then down 2 (ranges 2, 4); down 2 then up 2 (ranges 4, 5).
    assert value_of(adx(2), **bars) == pytest.approx((100 * (2 - 1) / 3 + 0) / 2, rel=1e-6)


def test_finite_oscillators_are_those_of_talib() -> None:
    bars = walk(7, 300)
    high, low, close, volume = (bars[n] for n in ("high", "low", "close", "volume"))
    fast_k, fast_d = talib.STOCHF(high, low, close, 14, 3)
    assert_values(
        bars,
        {
            **{f"roc_{n}": talib.ROCP(close, n) for n in (5, 10, 20)},
            "stochastic_k_14": np.r_[[np.nan] * 13, *_k(bars, 14)],
            "stochastic_d_14_3": fast_d,
            "aroon_25": talib.AROONOSC(high, low, 25),
            "money_flow_14": talib.MFI(high, low, close, volume, 14),
        },
    )
    values = feature_matrix([FEATURES["stochastic_k_14"], FEATURES["cci_20"]], panel_of(bars))
    np.testing.assert_allclose(values[15:, 0], fast_k[15:], rtol=1e-5)
    np.testing.assert_allclose(values[19:, 1], talib.CCI(high, low, close, 20)[19:], rtol=1e-4)


def _k(bars: dict[str, np.ndarray], count: int) -> list[float]:
    """Where each close lies, window by window."""
    values = []
    for last in range(count, len(bars["close"]) + 1):
        window = slice(last - count, last)
        foot, top = bars["low"][window].min(), bars["high"][window].max()
        values.append(100 * (bars["close"][last - 1] - foot) / (top - foot))
    return values


def test_directional_indicators_say_nearly_what_talib_says_of_all_history() -> None:
    """Wilder smooths for ever, these are of their window: the same quantity, more quickly."""
    bars = walk(11, 5000)
    high, low, close = (bars[n] for n in ("high", "low", "close"))
    values = feature_matrix(
        [FEATURES[n] for n in ("plus_di_14", "minus_di_14", "adx_14")], panel_of(bars)
    )[200:]
    for column, line, least in zip(
        values.T,
        (talib.PLUS_DI, talib.MINUS_DI, talib.ADX),
        (0.85, 0.85, 0.7),
        strict=True,
    ):
        talibs = line(high, low, close, 14)[200:]
        assert np.corrcoef(column, talibs)[0, 1] > least
        assert abs(column.mean() - talibs.mean()) < 0.15 * talibs.mean() or line is talib.ADX


def test_bars_that_do_not_move_stand_in_the_middle() -> None:
    flat = {name: [5.0] * 30 for name in ("high", "low", "close", "volume")}
    expected = {
        stochastic_k(14): 50.0,
        place_in_range(14): 0.5,
        plus_di(14): 0.0,
        adx(14): 0.0,
        cci(20): 0.0,
        money_flow(14): 50.0,
    }
    for feature, value in expected.items():
        bars = {name: values[: feature.window] for name, values in flat.items()}
        assert value_of(feature, **bars) == value, feature.name
