"""The laws of every registered label, and the five actions by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.errors import InvalidRequest
from pipelines.features import Block
from pipelines.labels import LABELS, Action, Label

NAMED = pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)


def block(*closes: np.ndarray, hole: int | None = None) -> Block:
    """Symbols end to end; after `hole` a bar of the calendar is missing."""
    ordinals = [np.arange(len(c)) + (np.arange(len(c)) > (hole or 10**9)) for c in closes]
    arrays = {"close": np.concatenate(closes), "ordinal": np.concatenate(ordinals)}
    return Block(arrays, np.cumsum([0, *(len(c) for c in closes)])[:-1])


def walk(seed: int, bars: int = 200) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(random.normal(0, 0.01, bars)))


@NAMED
def test_the_last_bars_have_no_outcome_yet(label: Label) -> None:
    made = label.outcome(block(walk(1), walk(2)))
    for last in (200, 400):
        assert np.isnan(made[last - label.horizon : last]).all()
        assert np.isfinite(made[last - label.horizon - 1])
    assert (label.classify(made, label.learn(made))[np.isnan(made)] == -1).all()


@NAMED
def test_an_outcome_is_settled_once_its_horizon_has_closed(label: Label) -> None:
    close, at = walk(3), 100
    before = label.outcome(block(close))
    later = close.copy()
    later[at + label.horizon + 1 :] *= 1.5
    np.testing.assert_array_equal(label.outcome(block(later))[: at + 1], before[: at + 1])
    decided = close.copy()
    decided[at + label.horizon] *= 1.5
    assert label.outcome(block(decided))[at] != before[at]


@NAMED
def test_symbols_end_to_end_are_as_symbols_alone(label: Label) -> None:
    one, two = walk(4), walk(5, 60)
    together = label.outcome(block(one, two))
    alone = np.concatenate([label.outcome(block(one)), label.outcome(block(two))])
    np.testing.assert_array_equal(together, alone)


@NAMED
def test_a_missing_bar_leaves_no_outcome_across_it(label: Label) -> None:
    made = label.outcome(block(walk(6), hole=100))
    assert np.isnan(made[101 - label.horizon : 101]).all()
    assert np.isfinite(made[101])


@NAMED
def test_a_definition_changes_with_what_it_declares(label: Label) -> None:
    assert label.definition == type(label)().definition
    assert label.definition != Action(horizon=7).definition
    assert len(label.classes) == len(label.scores)
    assert list(label.scores) == sorted(label.scores)


def test_an_action_is_the_scaled_return_of_the_next_bar() -> None:
    close = walk(7)
    at = 50
    spread = np.diff(np.log(close))[at - 20 : at].std(ddof=1)
    expected = np.log(close[at + 1] / close[at]) / spread
    assert Action().outcome(block(close))[at] == pytest.approx(expected, rel=1e-12)


def test_thresholds_are_quantiles_of_the_outcomes_given() -> None:
    outcomes = np.append(np.arange(1000.0), np.nan)
    cuts = Action().learn(outcomes)
    assert cuts == pytest.approx((99.9, 299.7, 699.3, 899.1))
    shares = np.bincount(Action().classify(outcomes, cuts)[:-1])
    assert shares.tolist() == [100, 200, 400, 200, 100]
    assert Action(fixed=(-2.0, -1.0, 1.0, 2.0)).learn(outcomes) == (-2.0, -1.0, 1.0, 2.0)


def test_too_little_to_learn_from_and_wrong_cuts_are_told() -> None:
    with pytest.raises(InvalidRequest, match="too few"):
        Action().learn(np.arange(99.0))
    with pytest.raises(InvalidRequest, match="do not cut"):
        Action(quantiles=(0.1, 0.3, 0.3, 0.9))
    with pytest.raises(InvalidRequest, match="horizon"):
        Action(horizon=0)


def test_flat_prices_have_no_outcome_rather_than_an_infinite_one() -> None:
    assert np.isnan(Action().outcome(block(np.full(100, 10.0)))).all()
