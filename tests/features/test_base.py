"""The laws of every feature of every set, and of their declaration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.features import DAILY, HOURLY, SETS, Feature, feature_matrix, look_back
from tests.features.bars import FEATURES, MOVABLE, REFERENCES, cut, panel_of, walk

BESIDE = tuple(reference.name for reference in REFERENCES)


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_its_window_gives_the_same_value_as_all_history(feature: Feature) -> None:
    """To the last bit: a model gets the same inputs in scoring as in training."""
    history = walk(1, 700)
    full = feature_matrix([feature], panel_of(history))[:, 0]
    for last in (feature.window, 350, 700):
        exact = feature_matrix([feature], panel_of(cut(history, last - feature.window, last)))[
            -1, 0
        ]
        np.testing.assert_array_equal(exact, full[last - 1])
    assert np.isnan(full[: feature.look_back]).all()
    assert np.isfinite(full[feature.look_back :]).all()


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_what_lies_outside_its_window_changes_nothing(feature: Feature) -> None:
    at = 60 + feature.look_back
    bars = walk(2, at + 60)
    before = feature_matrix([feature], panel_of(bars))[at, 0]
    changed = {name: values.copy() for name, values in bars.items()}
    for name in (*MOVABLE, *BESIDE):
        changed[name][at + 1 :] *= 3.0
        changed[name][: at - feature.look_back] *= 0.2
        changed[name][: at - feature.look_back][-1:] = np.nan
    np.testing.assert_array_equal(feature_matrix([feature], panel_of(changed))[at, 0], before)


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_it_uses_its_whole_window_and_says_what_it_is(feature: Feature) -> None:
    """A window declared too long would require bars of a caller that change nothing."""
    bars = walk(3, 60 + feature.window)
    before = feature_matrix([feature], panel_of(bars))[:, 0]
    moved = []
    for first in range(50):
        changed = {name: values.copy() for name, values in bars.items()}
        for factor, name in enumerate((*MOVABLE, *BESIDE), 11):
            changed[name][first] = changed[name][first] * factor / 10 + 1
            if feature.is_flag:
                changed[name][first] = np.nan
        last = first + feature.look_back
        moved.append(feature_matrix([feature], panel_of(changed))[last, 0] != before[last])
    assert any(moved), "the first bar of its window changes nothing"
    assert feature.meaning
    assert feature.unit
    values = feature_matrix([feature], panel_of(walk(4, 500)))[feature.look_back :, 0]
    assert values.min() >= (-np.inf if feature.low is None else feature.low)
    assert values.max() <= (np.inf if feature.high is None else feature.high)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.integers(0, 99))
def test_symbols_end_to_end_have_the_values_of_each_alone(lengths: list[int], seed: int) -> None:
    symbols = [walk(seed + n, bars) for n, bars in enumerate(lengths)]
    chosen = list(FEATURES.values())
    joined = feature_matrix(chosen, panel_of(*symbols))
    separate = np.concatenate([feature_matrix(chosen, panel_of(s)) for s in symbols])
    np.testing.assert_array_equal(joined, separate)


@pytest.mark.parametrize(
    "feature", [f for f in FEATURES.values() if f.references], ids=lambda f: f.name
)
def test_a_missing_reference_is_no_value_or_the_stated_one(feature: Feature) -> None:
    bars, at = walk(6, 120), 60
    before = feature_matrix([feature], panel_of(bars))[:, 0]
    for name in BESIDE:
        bars[name][at] = np.nan
    after = feature_matrix([feature], panel_of(bars))[:, 0]
    stated = 0.0 if feature.is_flag else np.nan if feature.neutral is None else feature.neutral
    np.testing.assert_array_equal(after[at], stated)
    changed = ~((after == before) | (np.isnan(after) & np.isnan(before)))
    np.testing.assert_array_equal(after[changed], np.full(changed.sum(), stated))
    assert set(np.flatnonzero(changed)) <= set(range(at, at + feature.window))


@pytest.mark.parametrize("column", ["volume", "bid", "ask"])
def test_a_missing_own_value_is_never_filled(column: str) -> None:
    """Comparisons with it are false: a rule for bars without a move must not take it for one."""
    bars, at = walk(6, 400), 320
    readers = [feature for feature in FEATURES.values() if column in feature.inputs]
    before = feature_matrix(readers, panel_of(bars))
    bars[column][at] = np.nan
    after = feature_matrix(readers, panel_of(bars))
    for feature, whole, lacking in zip(readers, before.T, after.T, strict=True):
        assert np.isnan(lacking[at]), feature.name
        changed = np.flatnonzero(lacking != whole)[feature.look_back :]
        assert set(changed) <= set(range(at, at + feature.window)), feature.name
        assert np.isnan(lacking[changed]).all(), feature.name
    assert readers


def test_a_neutral_value_needs_a_reference() -> None:
    with pytest.raises(InvalidRequest, match="neutral value 0 and no reference"):
        Feature("x", "x", ("close",), 1, lambda x: x["close"], neutral=0)


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
    """A feature that does not vary is refused at training."""
    daily = walk(8, 200) | {"place": np.zeros(200), "session_start": np.ones(200, bool)}
    values = feature_matrix(DAILY, panel_of(daily | {"session_bars": np.ones(200)}))[
        look_back(DAILY) :
    ]
    assert (np.ptp(values, axis=0) > 0).all()


def test_hours_without_volume_or_movement_give_no_infinity() -> None:
    flat = walk(5, 40) | {"volume": np.zeros(40)}
    flat |= {name: np.full(40, 10.0) for name in ("open", "high", "low", "close")}
    values = feature_matrix(list(FEATURES.values()), panel_of(flat))
    assert not np.isinf(values).any()


def test_a_definition_changes_with_its_code_and_with_nothing_else() -> None:
    definitions = [feature.definition for feature in FEATURES.values()]
    assert len({repr(d) for d in definitions}) == len(definitions)
    assert " at 0x" not in repr(definitions), "an address differs from process to process"
    feature = Feature("x", "x", ("close",), 2, lambda x: x["close"][1:] * 2)
    reworded = Feature("x", "in other words", ("close",), 2, lambda x: x["close"][1:] * 2)
    recoded = Feature("x", "x", ("close",), 2, lambda x: x["close"][1:] * 3)
    assert feature.definition == reworded.definition
    assert feature.definition != recoded.definition


def test_a_wrong_declaration_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="window is 0"):
        Feature("x", "x", ("close",), 0, lambda x: x["close"])
    with pytest.raises(InvalidRequest) as caught:
        Feature("x", "x", ("clsoe",), 1, lambda x: x["clsoe"])
    assert "close" in caught.value.hint
