"""Choose thresholds by what they earned in earlier windows alone.

Where the rule of actions declares a confidence, that is tuned; else the score at which the signal
buys and sells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.backtest.path import Path
from pipelines.backtest.policy import net_returns
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.modeling.action_rules import ActionRule

GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Thresholds:
    """At which score a signal buys and sells, and from which confidence a rule acts."""

    buy_at: float
    sell_at: float
    least_confidence: float | None = None  # None: the rule declares none


@dataclass(frozen=True)
class WindowThresholds:
    """The thresholds of a window, and what they had earned before it."""

    window: int
    thresholds: Thresholds
    earned: float | None  # net, over all earlier windows; None: there was none


def list_thresholds(action_rule: ActionRule, rule: ComponentWeighted) -> list[Thresholds]:
    """List all thresholds that are tried, the declared ones first."""
    declared = Thresholds(rule.buy_at, rule.sell_at)
    if action_rule.grid:
        return [replace(declared, least_confidence=least) for (least,) in action_rule.grid]
    pairs = sorted((buy, -sell) for buy in GRID for sell in GRID)
    others = (Thresholds(*pair) for pair in pairs)
    return [declared, *(thresholds for thresholds in others if thresholds != declared)]


def tune_thresholds(
    path: Path,
    choices: Sequence[Thresholds],
    directions: np.ndarray,
    window: np.ndarray,
    cost: float,
) -> list[WindowThresholds]:
    """Choose the thresholds of each window: the first ones, then the best of all so far.

    `directions` has a row for each of the choices and a column for each bar. What a bar earns is
    booked when it has closed, so that the sum over earlier windows contains nothing that was not
    known when the window began. The first choice, the declared one, wins a tie.
    """
    returns = net_returns(path, directions, cost)
    window_thresholds = []
    for number in np.unique(window):
        before = window < number
        if not before.any():
            window_thresholds.append(WindowThresholds(int(number), choices[0], None))
            continue
        sums = np.round(returns[:, before].sum(axis=1), 12)
        best = int(sums.argmax())
        window_thresholds.append(WindowThresholds(int(number), choices[best], float(sums[best])))
    return window_thresholds


def places_per_bar(
    tuned: Sequence[WindowThresholds], choices: Sequence[Thresholds], window: np.ndarray
) -> np.ndarray:
    """Return for each bar the place of its window's thresholds among the choices."""
    by_window = {row.window: choices.index(row.thresholds) for row in tuned}
    return np.array([by_window[number] for number in window.tolist()], np.int64)
