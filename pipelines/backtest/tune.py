"""The score's thresholds, chosen by what they earned in earlier windows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.backtest.path import Path
from pipelines.backtest.policy import plain
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.scoring.wss import directions

GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Thresholds:
    """From where on a window buys and sells, and what that had earned before it."""

    window: int
    buy_at: float
    sell_at: float
    earned: float | None  # net, over all earlier windows; None: there was none


def tuned(
    path: Path,
    value: np.ndarray,
    coverage: np.ndarray,
    window: np.ndarray,
    by: ComponentWeighted,
    cost: float,
) -> list[Thresholds]:
    """One pair a window: the declared one in the first, then the best of the grid so far.

    What a bar earns is booked when it has closed, so that the sum over earlier windows holds
    nothing that was not known when the window began. The declared pair wins a tie.
    """
    grid = sorted((buy, -sell) for buy in GRID for sell in GRID)
    pairs = [(by.buy_at, by.sell_at), *(p for p in grid if p != (by.buy_at, by.sell_at))]
    tried = np.stack([directions(value, coverage, by, *pair) for pair in pairs])
    earned = plain(path, tried, cost)
    made = []
    for number in np.unique(window):
        before = window < number
        if not before.any():
            made.append(Thresholds(int(number), *pairs[0], None))
            continue
        sums = np.round(earned[:, before].sum(axis=1), 12)
        best = int(sums.argmax())
        made.append(Thresholds(int(number), *pairs[best], float(sums[best])))
    return made


def per_bar(found: list[Thresholds], window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The thresholds of each bar."""
    of = {one.window: one for one in found}
    buy = np.array([of[number].buy_at for number in window.tolist()])
    sell = np.array([of[number].sell_at for number in window.tolist()])
    return buy, sell
