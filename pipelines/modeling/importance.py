"""How much a model leans on each feature: what its fit loses when the feature is shuffled.

A permutation importance: it asks nothing of the model but predictions, and so compares forests
with networks. What it costs is bounded by the rows and the draws, not by the length of history.
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
    """What the fit loses without one feature: the mean of the draws and their spread."""

    name: str
    loss: float
    spread: float


@dataclass(frozen=True)
class Importances:
    """Of every feature, the greatest loss first, and how they were found."""

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
    """Shuffle one column after the other, the same way for each.

    `predict` says what a model does of rows, and `fit` how well that is the truth; `names` are
    those of all columns but the last, the symbol's code.
    """
    chosen = np.linspace(0, len(truth) - 1, min(len(truth), MOST_ROWS)).astype(int)
    rows, true = features[chosen], truth[chosen]
    random = np.random.default_rng(SEED)
    orders = [random.permutation(len(rows)) for _ in range(DRAWS)]
    whole, found = fit(true, predict(rows)), []
    for column, name in enumerate([*names, "symbol"]):
        losses = []
        for order in orders:
            shuffled = rows.copy()
            shuffled[:, column] = rows[order, column]
            losses.append(whole - fit(true, predict(shuffled)))
        found.append(Importance(name, float(np.mean(losses)), float(np.std(losses))))
    ordered = sorted(found, key=lambda one: (-one.loss, one.name))
    return Importances(tuple(ordered), measure, whole, len(rows), len(truth))
