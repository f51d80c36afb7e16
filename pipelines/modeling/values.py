"""Figures about values that were said: small functions of arrays.

`truth` is what became of each row; `said` the value it was given; `given` has a row a row: the
value, and the lower and the upper end of its interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.modeling.metrics import rank_ic


@dataclass(frozen=True)
class ValueMetrics:
    """What the values said of some rows are worth. NaN: these rows cannot tell."""

    rows: int
    rmse: float
    mae: float
    r2: float  # against the mean of these same rows
    hit_rate: float  # share of the rows, but for those that stayed, whose sign was told
    coverage: float  # share of the rows inside their interval
    rank_ic: float

    @property
    def figures(self) -> dict[str, float]:
        names = ("rmse", "mae", "r2", "hit_rate", "coverage", "rank_ic")
        return {name: getattr(self, name) for name in names}

    @property
    def order(self) -> tuple[float, ...]:
        return (self.rmse, self.mae)

    @property
    def fit(self) -> float:
        return self.r2


def measure(truth: np.ndarray, said: np.ndarray, given: np.ndarray) -> ValueMetrics:
    """All figures of some rows."""
    residuals = truth - said
    return ValueMetrics(
        rows=len(truth),
        rmse=float(np.sqrt(np.mean(residuals**2))),
        mae=float(np.mean(np.abs(residuals))),
        r2=r2(truth, said),
        hit_rate=hit_rate(truth, said),
        coverage=coverage(truth, given),
        rank_ic=rank_ic(said, truth),
    )


def r2(truth: np.ndarray, said: np.ndarray) -> float:
    """The share of the squared distances to these rows' own mean that is gone.

    Their mean was not known when they were said, so this is stricter than against the mean of
    training rows, which the gate of skill asks about.
    """
    apart = float(np.sum((truth - truth.mean()) ** 2))
    return 1 - float(np.sum((truth - said) ** 2)) / apart if apart > 0 else float("nan")


def hit_rate(truth: np.ndarray, said: np.ndarray) -> float:
    """The share of the rows that moved whose direction was said. To say 0 is to miss."""
    moved = truth != 0
    hits = np.sign(said[moved]) == np.sign(truth[moved])
    return float(hits.mean()) if moved.any() else float("nan")


def coverage(truth: np.ndarray, given: np.ndarray) -> float:
    """The share of the rows that ended inside their interval."""
    return float(np.mean(inside(truth, given)))


def inside(truth: np.ndarray, given: np.ndarray) -> np.ndarray:
    made: np.ndarray = (given[:, 1] <= truth) & (truth <= given[:, 2])
    return made


def interval_score(truth: np.ndarray, given: np.ndarray, share: float) -> float:
    """How wide the intervals are, and how far outside rows end: the smaller the better.

    The smallest are intervals whose ends are the quantiles that leave `share` between them.
    """
    low, high = given[:, 1], given[:, 2]
    outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return float(np.mean(high - low + 2 / (1 - share) * outside))
