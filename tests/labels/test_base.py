"""The laws of every registered label, whatever it is of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.labels import LABELS, Label
from tests.labels.bars import PRICES, panel_of, prices, walk
from tests.laws import law


def _over(label: Any, horizon: int) -> Label:
    changed: Label = replace(label, horizon=horizon)
    return changed


TRIED = [_over(label, horizon) for label in LABELS for horizon in (1, 3)]
NAMED = pytest.mark.parametrize("label", TRIED, ids=lambda one: f"{one.name}_{one.horizon}")


@NAMED
@pytest.mark.parametrize("relay", [False, True])
def test_the_last_bars_have_no_outcome_yet(label: Label, relay: bool) -> None:
    outcome = label.outcome(panel_of(walk(1), walk(2), relay=relay))
    for last in (200, 400):
        assert np.isnan(outcome[last - label.horizon : last]).all()
        assert np.isfinite(outcome[last - label.horizon - 1])


@NAMED
def test_only_the_first_bars_it_reaches_back_over_have_no_outcome(label: Label) -> None:
    outcome = label.outcome(panel_of(walk(1), walk(2)))
    for first in (0, 200):
        assert np.isnan(outcome[first : first + label.look_back]).all()
        assert np.isfinite(outcome[first + label.look_back : first + 200 - label.horizon]).all()


@NAMED
def test_an_outcome_is_settled_once_its_horizon_has_closed(label: Label) -> None:
    before = label.outcome(panel_of(walk(3)))
    for after in (1, label.horizon):
        decided, at = prices(walk(3)), 100
        for name in PRICES:
            decided[name] = decided[name].copy()
            decided[name][at + after :] *= 1.5
        assert label.outcome(panel_of(decided))[at] != before[at]


@law(100)
@given(
    st.sampled_from(TRIED),
    st.integers(0, 79),
    st.integers(0, 40),
    st.sets(st.sampled_from(PRICES), min_size=1),
    st.sampled_from((0.5, 3.0, np.nan)),
)
def test_what_comes_after_its_horizon_changes_no_outcome(
    label: Label, at: int, later: int, changed: set[str], factor: float
) -> None:
    bars = prices(walk(at, 80))
    before = label.outcome(panel_of(bars, walk(1, 5)))
    for name in changed:
        bars[name] = bars[name].copy()
        bars[name][at + label.horizon + 1 + later :] *= factor
    after = label.outcome(panel_of(bars, walk(1, 5)))
    np.testing.assert_array_equal(after[: at + 1], before[: at + 1])
    cut = {name: values[: at + label.horizon + 1] for name, values in prices(walk(at, 80)).items()}
    np.testing.assert_array_equal(label.outcome(panel_of(cut))[: at + 1], before[: at + 1])


@law(30)
@given(
    st.sampled_from(TRIED),
    st.lists(st.integers(1, 60), min_size=1, max_size=5),
    st.none() | st.integers(0, 60),
)
def test_symbols_end_to_end_are_as_symbols_alone(
    label: Label, lengths: list[int], hole: int | None
) -> None:
    symbols = [walk(seed, bars) for seed, bars in enumerate(lengths)]
    joined = label.outcome(panel_of(*symbols, hole=hole))
    separate = [label.outcome(panel_of(one, hole=hole)) for one in symbols]
    np.testing.assert_array_equal(joined, np.concatenate(separate))


@NAMED
def test_a_missing_bar_leaves_no_outcome_across_it(label: Label) -> None:
    outcome = label.outcome(panel_of(walk(6), hole=100))
    assert np.isnan(outcome[101 - label.horizon : 101]).all()
    assert np.isfinite(outcome[[100 - label.horizon, 101]]).all()


@NAMED
def test_bars_without_a_price_have_no_outcome_rather_than_an_infinite_one(label: Label) -> None:
    for price in (0.0, np.nan):
        bars = prices(walk(7))
        for name in PRICES:
            bars[name] = bars[name].copy()
            bars[name][100] = price
        with np.errstate(divide="ignore", invalid="ignore"):
            outcome = label.outcome(panel_of(bars))
        assert np.isnan(outcome[[100 - label.horizon, 100]]).all()
        assert not np.isinf(outcome).any()
        assert np.isfinite(outcome[100 + label.look_back + 1 : -label.horizon]).all()


@NAMED
def test_the_truth_is_a_class_or_the_outcome_by_its_kind(label: Label) -> None:
    outcomes = label.outcome(panel_of(walk(8), walk(9)))
    known = np.isfinite(outcomes)
    thresholds = label.learn(outcomes)
    truth = label.truth(outcomes, thresholds)
    if label.kind == "value":
        assert (thresholds, label.classes) == ((), ())
        assert truth.dtype == np.float64
        np.testing.assert_array_equal(truth, outcomes)
        return
    assert label.kind == "classes"
    assert len(thresholds) == len(label.classes) - 1
    assert (truth[~known] == -1).all()
    assert set(truth[known]) == set(range(len(label.classes)))
    assert (np.diff(truth[known][np.argsort(outcomes[known])]) >= 0).all()


@NAMED
def test_a_definition_changes_with_what_it_declares(label: Label) -> None:
    assert label.definition == _over(label, label.horizon).definition
    assert label.definition != _over(label, 7).definition
    assert len(label.classes) == len(label.scores)
    assert list(label.scores) == sorted(label.scores)
    assert label.unit
    with pytest.raises(InvalidRequest, match="horizon"):
        _over(label, 0)


def test_no_two_labels_have_a_name() -> None:
    assert len({label.name for label in LABELS}) == len(LABELS)
    assert len({label.definition for label in TRIED}) == len(TRIED)
