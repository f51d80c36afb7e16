"""Metrics of predicted values: small functions of arrays.

`truth` is what became of each row, and `values` what was predicted for it; `outputs` has three
columns: the value, and the lower and the upper end of its interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.modeling.metrics import rank_ic

GROUPS = 10  # of rows with similar predictions


@dataclass(frozen=True)
class ValueMetrics:
    """Metrics of the values predicted for some rows. NaN: not defined on these rows."""

    rows: int
    rmse: float
    mae: float
    r2: float  # against the mean of these same rows
    hit_rate: float  # share of the rows that moved whose sign was predicted
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


def measure(truth: np.ndarray, values: np.ndarray, outputs: np.ndarray) -> ValueMetrics:
    """All metrics of some rows."""
    residuals = truth - values
    return ValueMetrics(
        rows=len(truth),
        rmse=float(np.sqrt(np.mean(residuals**2))),
        mae=float(np.mean(np.abs(residuals))),
        r2=r2(truth, values),
        hit_rate=hit_rate(truth, values),
        coverage=coverage(truth, outputs),
        rank_ic=rank_ic(values, truth),
    )


def r2(truth: np.ndarray, values: np.ndarray) -> float:
    """R squared: how much smaller the squared error is than around these rows' own mean.

    Their mean was not known when they were predicted, so this is stricter than against the mean
    of training rows, which the gate of skill compares with.
    """
    total = float(np.sum((truth - truth.mean()) ** 2))
    return 1 - float(np.sum((truth - values) ** 2)) / total if total > 0 else float("nan")


def hit_rate(truth: np.ndarray, values: np.ndarray) -> float:
    """The share of the rows that moved whose direction was predicted. A prediction of 0 misses."""
    moved = truth != 0
    hits = np.sign(values[moved]) == np.sign(truth[moved])
    return float(hits.mean()) if moved.any() else float("nan")


def coverage(truth: np.ndarray, outputs: np.ndarray) -> float:
    """The share of the rows that ended inside their interval."""
    return float(np.mean(is_inside(truth, outputs)))


def is_inside(truth: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    inside: np.ndarray = (outputs[:, 1] <= truth) & (truth <= outputs[:, 2])
    return inside


def group_by_prediction(values: np.ndarray) -> list[np.ndarray]:
    """Return the places of rows with similar predictions: groups of equally many rows."""
    count = max(1, min(GROUPS, len(values) // 5))
    return list(np.array_split(np.argsort(values, kind="stable"), count))


def interval_score(truth: np.ndarray, outputs: np.ndarray, share: float) -> float:
    """How wide the intervals are, and how far outside rows end: the smaller the better.

    The smallest are intervals whose ends are the quantiles that leave `share` between them.
    """
    low, high = outputs[:, 1], outputs[:, 2]
    outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return float(np.mean(high - low + 2 / (1 - share) * outside))
