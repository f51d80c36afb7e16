"""The thresholds of a window depend on earlier windows alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.backtest.policy import net_returns
from pipelines.backtest.tune import GRID, thresholds_per_bar, tune_thresholds
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.scoring.wss import directions
from tests.backtest.price_paths import path

RULE, COST, BARS = ComponentWeighted("qqq"), 0.0005, 60
WINDOW = 1 + np.arange(BARS) // 15


def scores(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.6, BARS).clip(-2, 2)


@given(st.integers(0, 1000), st.integers(1, 4))
def test_a_window_and_what_comes_after_changes_no_threshold_up_to_it(seed: int, k: int) -> None:
    price_path, other, value = path(seed, BARS), path(seed + 1, BARS), scores(seed)
    later = k <= WINDOW
    changed = replace(price_path, close=np.where(later, other.close, price_path.close))
    coverage = np.where(later, 0.5, 1.0)
    before = tune_thresholds(price_path, value, np.ones(BARS), WINDOW, RULE, COST)
    after = tune_thresholds(changed, np.where(later, -value, value), coverage, WINDOW, RULE, COST)
    assert before[:k] == after[:k]
    assert [t.window for t in before] == [1, 2, 3, 4]


def test_the_first_window_is_as_declared_and_the_others_the_best_so_far() -> None:
    price_path, value = path(3, BARS), scores(3)
    thresholds = tune_thresholds(price_path, value, np.ones(BARS), WINDOW, RULE, COST)
    assert (thresholds[0].buy_at, thresholds[0].sell_at, thresholds[0].earned) == (0.5, -0.5, None)
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
    buy, sell = thresholds_per_bar(thresholds, WINDOW)
    assert (buy[WINDOW == 3] == thresholds[2].buy_at).all()
    assert (sell[WINDOW == 4] == thresholds[3].sell_at).all()


def test_a_tie_stays_as_declared() -> None:
    thresholds = tune_thresholds(path(1, BARS), np.zeros(BARS), np.ones(BARS), WINDOW, RULE, COST)
    assert {(chosen.buy_at, chosen.sell_at) for chosen in thresholds} == {(0.5, -0.5)}
