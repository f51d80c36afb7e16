"""The edges of histogram boosting's bins, from one sort of each column.

Where rows have weights, sklearn 1.9 sorts a column anew for each of the 254 edges of its bins, and
that is most of a fit: 70 % on five thousand rows. Here the same function of sklearn gets all
ranks at once, so the edges are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import local
from typing import Any

import numpy as np

MOST_BINS = 255  # of sklearn, unless it is told another number
RANKS = np.linspace(0, 100, num=MOST_BINS + 1)[1:-1]  # per cent, as sklearn has them


class ColumnPercentiles:
    """sklearn's weighted percentile, which remembers those of the column it was last asked for."""

    def __init__(self, compute: Callable[..., Any]) -> None:
        self._compute = compute
        self._last = local()  # columns are binned in several threads

    def __call__(
        self, column: np.ndarray, weights: np.ndarray, rank: float = 50, **options: Any
    ) -> Any:
        """Return the value at a rank in per cent; a rank that is no bin's edge is computed."""
        last = self._last.__dict__
        if not (last and last["column"] is column and last["weights"] is weights):
            values = self._compute(column, weights, RANKS, **options)
            percentiles = dict(zip(RANKS.tolist(), values, strict=True))
            last.update(column=column, weights=weights, options=options, percentiles=percentiles)
        if last["options"] == options and rank in last["percentiles"]:
            return last["percentiles"][rank]
        return self._compute(column, weights, rank, **options)


def sort_columns_once() -> None:
    """Let this process's sklearn sort each column once; do nothing where it has other parts."""
    from sklearn.ensemble._hist_gradient_boosting import binning

    compute = getattr(binning, "_weighted_percentile", None)
    if compute is not None and not isinstance(compute, ColumnPercentiles):
        binning._weighted_percentile = ColumnPercentiles(compute)
