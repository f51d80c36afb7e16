"""The thresholds of a window depend on earlier windows alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.backtest.path import Path
from pipelines.backtest.policy import net_returns
from pipelines.backtest.tune import (
    GRID,
    Thresholds,
    WindowThresholds,
    list_thresholds,
    places_per_bar,
    tune_thresholds,
)
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.modeling.action_rules import BY_EXPECTED_SCORE, LikeliestIfConfident
from pipelines.scoring.wss import directions
from tests.backtest.price_paths import path

RULE, COST, BARS = ComponentWeighted("qqq"), 0.0005, 60
WINDOW = 1 + np.arange(BARS) // 15
CHOICES = list_thresholds(BY_EXPECTED_SCORE, RULE)


def scores(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.6, BARS).clip(-2, 2)


def tune(price_path: Path, value: np.ndarray, coverage: np.ndarray) -> list[WindowThresholds]:
    signs = np.stack([directions(value, coverage, RULE, c.buy_at, c.sell_at) for c in CHOICES])
    return tune_thresholds(price_path, CHOICES, signs, WINDOW, COST)


@given(st.integers(0, 1000), st.integers(1, 4))
def test_a_window_and_what_comes_after_changes_no_threshold_up_to_it(seed: int, k: int) -> None:
    price_path, other, value = path(seed, BARS), path(seed + 1, BARS), scores(seed)
    later = k <= WINDOW
    changed = replace(price_path, close=np.where(later, other.close, price_path.close))
    coverage = np.where(later, 0.5, 1.0)
    before = tune(price_path, value, np.ones(BARS))
    after = tune(changed, np.where(later, -value, value), coverage)
    assert before[:k] == after[:k]
    assert [t.window for t in before] == [1, 2, 3, 4]


def test_the_first_window_is_as_declared_and_the_others_the_best_so_far() -> None:
    price_path, value = path(3, BARS), scores(3)
    thresholds = tune(price_path, value, np.ones(BARS))
    assert thresholds[0] == WindowThresholds(1, Thresholds(0.5, -0.5), None)
    for chosen in thresholds[1:]:
        before = chosen.window > WINDOW
        assert chosen.earned == pytest.approx(
            max(
                net_returns(price_path, directions(value, np.ones(BARS), RULE, buy, -sell), COST)[
                    before
                ].sum()
                for buy in GRID
                for sell in GRID
            )
        )
    places = places_per_bar(thresholds, CHOICES, WINDOW)
    for row in thresholds:
        assert {CHOICES[place] for place in places[row.window == WINDOW]} == {row.thresholds}


def test_a_tie_stays_as_declared() -> None:
    thresholds = tune(path(1, BARS), np.zeros(BARS), np.ones(BARS))
    assert {row.thresholds for row in thresholds} == {Thresholds(0.5, -0.5)}


def test_a_rule_with_a_confidence_has_that_tuned_and_else_the_score_is() -> None:
    choices = list_thresholds(LikeliestIfConfident(0.6), RULE)
    assert choices[0] == Thresholds(0.5, -0.5, 0.6), "the declared one comes first"
    assert {(c.buy_at, c.sell_at) for c in choices} == {(0.5, -0.5)}
    assert min(c.least_confidence or 0 for c in choices) < 0.4
    assert CHOICES[0] == Thresholds(0.5, -0.5)
    assert len(set(CHOICES)) == len(CHOICES) == len(GRID) ** 2
