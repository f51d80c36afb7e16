"""Permutation importance: how much worse a model fits when a feature is shuffled.

It needs nothing of a model but predictions, and so compares forests with networks. Its cost is
bounded by the rows and the draws, not by the length of history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

MOST_ROWS = 1500  # evenly spread over time
DRAWS = 3
SEED = 0


@dataclass(frozen=True)
class Importance:
    """How much worse the fit is without one feature: mean and deviation over the draws."""

    name: str
    loss: float
    spread: float


@dataclass(frozen=True)
class Importances:
    """The importance of every feature, the greatest first, and how it was measured."""

    features: tuple[Importance, ...]
    measure: str  # what the fit is
    fit: float  # with nothing shuffled
    rows: int
    of: int
    draws: int = DRAWS
    seed: int = SEED


def importances(
    predict: Callable[[np.ndarray], np.ndarray],
    features: np.ndarray,
    truth: np.ndarray,
    names: Sequence[str],
    fit: Callable[[np.ndarray, np.ndarray], float],
    measure: str = "macro F1",
) -> Importances:
    """Measure importances by shuffling one column after the other, the same way for each.

    `predict` gives a model's predictions for rows, and `fit` how well they match the truth;
    `names` are those of all columns but the last, the symbol's code.
    """
    places = np.linspace(0, len(truth) - 1, min(len(truth), MOST_ROWS)).astype(int)
    rows, sampled_truth = features[places], truth[places]
    random = np.random.default_rng(SEED)
    orders = [random.permutation(len(rows)) for _ in range(DRAWS)]
    baseline_fit, losses_by_feature = fit(sampled_truth, predict(rows)), []
    for column, name in enumerate([*names, "symbol"]):
        losses = []
        for order in orders:
            shuffled = rows.copy()
            shuffled[:, column] = rows[order, column]
            losses.append(baseline_fit - fit(sampled_truth, predict(shuffled)))
        losses_by_feature.append(Importance(name, float(np.mean(losses)), float(np.std(losses))))
    ordered = sorted(losses_by_feature, key=lambda importance: (-importance.loss, importance.name))
    return Importances(tuple(ordered), measure, baseline_fit, len(rows), len(truth))
