"""Choose the thresholds of the score by what they earned in earlier windows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.backtest.path import Path
from pipelines.backtest.policy import net_returns
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.scoring.wss import directions

GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Thresholds:
    """At which score a window buys and sells, and what that had earned before the window."""

    window: int
    buy_at: float
    sell_at: float
    earned: float | None  # net, over all earlier windows; None: there was none


def tune_thresholds(
    path: Path,
    value: np.ndarray,
    coverage: np.ndarray,
    window: np.ndarray,
    rule: ComponentWeighted,
    cost: float,
) -> list[Thresholds]:
    """Choose a pair for each window: the declared one first, then the best of the grid so far.

    What a bar earns is booked when it has closed, so that the sum over earlier windows contains
    nothing that was not known when the window began. The declared pair wins a tie.
    """
    grid = sorted((buy, -sell) for buy in GRID for sell in GRID)
    pairs = [(rule.buy_at, rule.sell_at), *(p for p in grid if p != (rule.buy_at, rule.sell_at))]
    direction = np.stack([directions(value, coverage, rule, *pair) for pair in pairs])
    returns = net_returns(path, direction, cost)
    thresholds = []
    for number in np.unique(window):
        before = window < number
        if not before.any():
            thresholds.append(Thresholds(int(number), *pairs[0], None))
            continue
        sums = np.round(returns[:, before].sum(axis=1), 12)
        best = int(sums.argmax())
        thresholds.append(Thresholds(int(number), *pairs[best], float(sums[best])))
    return thresholds


def thresholds_per_bar(
    thresholds: list[Thresholds], window: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the buying and the selling threshold of each bar."""
    by_window = {pair.window: pair for pair in thresholds}
    buy = np.array([by_window[number].buy_at for number in window.tolist()])
    sell = np.array([by_window[number].sell_at for number in window.tolist()])
    return buy, sell
