"""Thresholds of a window rest on earlier windows alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.backtest.policy import plain
from pipelines.backtest.tune import GRID, per_bar, tuned
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.scoring.wss import directions
from tests.backtest.made import path

BY, COST, BARS = ComponentWeighted("qqq"), 0.0005, 60
WINDOW = 1 + np.arange(BARS) // 15


def scores(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.6, BARS).clip(-2, 2)


@given(st.integers(0, 1000), st.integers(1, 4))
def test_a_window_and_what_comes_after_changes_no_threshold_up_to_it(seed: int, k: int) -> None:
    made, other, value = path(seed, BARS), path(seed + 1, BARS), scores(seed)
    later = k <= WINDOW
    changed = replace(made, close=np.where(later, other.close, made.close))
    covered = np.where(later, 0.5, 1.0)
    one = tuned(made, value, np.ones(BARS), WINDOW, BY, COST)
    two = tuned(changed, np.where(later, -value, value), covered, WINDOW, BY, COST)
    assert one[:k] == two[:k]
    assert [t.window for t in one] == [1, 2, 3, 4]


def test_the_first_window_is_as_declared_and_the_others_the_best_so_far() -> None:
    made, value = path(3, BARS), scores(3)
    found = tuned(made, value, np.ones(BARS), WINDOW, BY, COST)
    assert (found[0].buy_at, found[0].sell_at, found[0].earned) == (0.5, -0.5, None)
    for one in found[1:]:
        before = one.window > WINDOW
        assert one.earned == pytest.approx(
            max(
                plain(made, directions(value, np.ones(BARS), BY, buy, -sell), COST)[before].sum()
                for buy in GRID
                for sell in GRID
            )
        )
    buy, sell = per_bar(found, WINDOW)
    assert (buy[WINDOW == 3] == found[2].buy_at).all()
    assert (sell[WINDOW == 4] == found[3].sell_at).all()


def test_a_tie_stays_as_declared() -> None:
    found = tuned(path(1, BARS), np.zeros(BARS), np.ones(BARS), WINDOW, BY, COST)
    assert {(one.buy_at, one.sell_at) for one in found} == {(0.5, -0.5)}
