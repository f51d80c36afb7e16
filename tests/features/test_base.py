"""The laws of every registered feature, and hand-worked values beside TA-Lib's."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.features import DAILY, HOURLY, SETS, Feature, feature_matrix, look_back
from tests.features.bars import cut, panel_of, walk

START = np.array([0])
FEATURES = {feature.name: feature for chosen in SETS for feature in chosen}


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_its_window_gives_what_all_history_gives(feature: Feature) -> None:
    """To the last bit: at scoring time a model sees what it saw in training."""
    history = walk(1, 700)
    full = feature_matrix([feature], panel_of(history))[:, 0]
    for last in (feature.window, 300, 700):
        exact = feature_matrix([feature], panel_of(cut(history, last - feature.window, last)))[
            -1, 0
        ]
        np.testing.assert_array_equal(exact, full[last - 1])
    assert np.isnan(full[: feature.look_back]).all()
    assert np.isfinite(full[feature.look_back :]).all()


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_what_lies_outside_its_window_changes_nothing(feature: Feature) -> None:
    bars, at = walk(2, 120), 60
    before = feature_matrix([feature], panel_of(bars))[at, 0]
    spoiled = {name: values.copy() for name, values in bars.items()}
    for name in ("open", "high", "low", "close", "volume"):
        spoiled[name][at + 1 :] *= 3.0
        spoiled[name][: at - feature.look_back] *= 0.2
    np.testing.assert_array_equal(feature_matrix([feature], panel_of(spoiled))[at, 0], before)


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_it_uses_its_whole_window_and_says_what_it_is(feature: Feature) -> None:
    """A window typed too long would ask a caller for bars that nobody looks at."""
    bars = walk(3, 60 + feature.window)
    before = feature_matrix([feature], panel_of(bars))[:, 0]
    moved = []
    for first in range(50):
        spoiled = {name: values.copy() for name, values in bars.items()}
        for factor, name in enumerate(("open", "high", "low", "close", "volume", "place"), 11):
            spoiled[name][first] = spoiled[name][first] * factor / 10 + 1
        last = first + feature.look_back
        moved.append(feature_matrix([feature], panel_of(spoiled))[last, 0] != before[last])
    assert any(moved), "nobody looks at the first bar of its window"
    assert feature.meaning
    assert feature.unit
    values = feature_matrix([feature], panel_of(walk(4, 500)))[feature.look_back :, 0]
    assert values.min() >= (-np.inf if feature.low is None else feature.low)
    assert values.max() <= (np.inf if feature.high is None else feature.high)


@given(st.lists(st.integers(1, 90), min_size=1, max_size=5), st.integers(0, 99))
def test_symbols_end_to_end_are_as_symbols_alone(lengths: list[int], seed: int) -> None:
    symbols = [walk(seed + n, bars) for n, bars in enumerate(lengths)]
    chosen = list(FEATURES.values())
    together = feature_matrix(chosen, panel_of(*symbols))
    alone = np.concatenate([feature_matrix(chosen, panel_of(one)) for one in symbols])
    np.testing.assert_array_equal(together, alone)


def test_an_hourly_request_needs_twenty_bars_before_and_a_daily_one_59() -> None:
    assert look_back(HOURLY) == 20
    assert look_back(DAILY) == 59


@pytest.mark.parametrize("chosen", SETS, ids=len)
def test_a_name_means_one_thing_in_every_set(chosen: tuple[Feature, ...]) -> None:
    assert len({feature.name for feature in chosen}) == len(chosen)
    for feature in chosen:
        assert feature.definition == FEATURES[feature.name].definition
        assert feature.meaning == FEATURES[feature.name].meaning


def test_every_daily_feature_varies_where_a_session_is_one_bar() -> None:
    """One that does not is refused at training."""
    daily = walk(8, 200) | {"place": np.zeros(200), "session_start": np.ones(200, bool)}
    made = feature_matrix(DAILY, panel_of(daily | {"session_bars": np.ones(200)}))[
        look_back(DAILY) :
    ]
    assert (np.ptp(made, axis=0) > 0).all()


def test_hours_without_volume_or_movement_give_no_infinity() -> None:
    flat = walk(5, 40) | {"volume": np.zeros(40)}
    flat |= {name: np.full(40, 10.0) for name in ("open", "high", "low", "close")}
    made = feature_matrix(list(FEATURES.values()), panel_of(flat))
    assert not np.isinf(made).any()


def test_indicators_with_memory_begin_as_talib_does() -> None:
    """TA-Lib's first value of RSI and ATR is the plain mean that ours is everywhere."""
    bars = walk(6, 300)
    for at in (15, 100, 300):
        some = cut(bars, at - 15, at)
        ours = feature_matrix([FEATURES["rsi_14"], FEATURES["atr_14"]], panel_of(some))[-1]
        high, low, close = some["high"], some["low"], some["close"]
        assert ours[0] == pytest.approx(talib.RSI(close, 14)[-1], rel=1e-6)
        assert ours[1] == pytest.approx(talib.ATR(high, low, close, 14)[-1] / close[-1], rel=1e-6)


def test_plain_indicators_are_talibs() -> None:
    bars = walk(7, 200)
    high, low, close = bars["high"], bars["low"], bars["close"]
    middle = talib.SMA(close, 20)
    upper, _, lower = talib.BBANDS(close, 20, 2, 2)
    ranges = np.log1p(talib.TRANGE(high, low, close) / np.minimum(low, np.r_[np.nan, close[:-1]]))
    expected = {
        "sma_gap_20": close / middle - 1,
        "sma_cross_5_20": talib.SMA(close, 5) / middle - 1,
        "bollinger_width_20": (upper - lower) / middle * np.sqrt(20 / 19),
        "sma_gap_50": close / talib.SMA(close, 50) - 1,
        "sma_cross_10_50": talib.SMA(close, 10) / talib.SMA(close, 50) - 1,
        "bollinger_place_20": 0.5 + (close - middle) / (upper - lower) * np.sqrt(19 / 20),
        "true_range": ranges,
        "mean_true_range_20": np.r_[np.nan, talib.SMA(ranges[1:], 20)],
        "lagged_return_1": np.log1p(np.r_[np.nan, talib.ROCP(close, 1)[:-1]]),
        "lagged_return_5": np.log1p(np.r_[[np.nan] * 5, talib.ROCP(close, 1)[:-5]]),
        "log_return_10": np.log1p(talib.ROCP(close, 10)),
        "volume_ratio_20": bars["volume"] / np.r_[np.nan, talib.SMA(bars["volume"], 20)[:-1]],
    }
    for name, values in expected.items():
        ours = feature_matrix([FEATURES[name]], panel_of(bars))[60:, 0]
        np.testing.assert_allclose(ours, values[60:], rtol=2e-6, atol=1e-9, err_msg=name)


def test_a_definition_changes_with_its_code_and_with_nothing_else() -> None:
    names = [feature.definition for feature in FEATURES.values()]
    assert len({repr(d) for d in names}) == len(names)
    one = Feature("x", "x", ("close",), 2, lambda x: x["close"][1:] * 2)
    same = Feature("x", "told otherwise", ("close",), 2, lambda x: x["close"][1:] * 2)
    other = Feature("x", "x", ("close",), 2, lambda x: x["close"][1:] * 3)
    assert one.definition == same.definition
    assert one.definition != other.definition


def test_a_wrong_declaration_is_told() -> None:
    with pytest.raises(InvalidRequest, match="window is 0"):
        Feature("x", "x", ("close",), 0, lambda x: x["close"])
    with pytest.raises(InvalidRequest) as found:
        Feature("x", "x", ("clsoe",), 1, lambda x: x["clsoe"])
    assert "close" in found.value.hint
