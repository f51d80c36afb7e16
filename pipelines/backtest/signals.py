"""The Weighted Sentiment Score of many bars at once, with weights as known at each of them.

What `ComponentWeighted.combine` says of one bar; tests hold that both say the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipelines.forecasts.combination import DIGITS, ComponentWeighted


def weights_at(
    told: pa.Table, members: Sequence[str], closes_at: np.ndarray, session: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A row a bar, a column a member; and where weights of all members were known.

    Of the sets that are known when the bar closes and are in effect in its session, the newest
    one that has every member. Where there is none, all weigh the same.
    """
    made = np.full((len(closes_at), len(members)), 1 / max(1, len(members)))
    whole = np.zeros(len(closes_at), bool)
    places = {name: place for place, name in enumerate(members)}
    column = np.array([places.get(s, -1) for s in told["symbol"].to_pylist()], dtype=np.int64)
    effective = told["effective"].to_numpy().astype("datetime64[D]")
    known_at = told["known_at"].to_numpy().astype("datetime64[us]")
    weight = told["weight"].to_numpy()
    for one in np.unique(effective):
        of = (effective == one) & (column >= 0)
        if len(np.unique(column[of])) < len(members):
            continue
        found = np.empty(len(members))
        found[column[of]] = weight[of]
        at = (closes_at >= known_at[of].max()) & (session >= one)
        made[at], whole[at] = found, True
    return made, whole


def spread(
    values: np.ndarray, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Values at their places of a table that has NaN everywhere else."""
    made = np.full(shape, np.nan)
    made[row, column] = values
    return made


def wss(scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each bar's score and its coverage. A row a bar, a column a member, NaN: not scored."""
    scored, whole = np.isfinite(scores), weights.sum(axis=1)
    value = np.where(scored, scores * weights, 0.0).sum(axis=1) / whole
    coverage = np.where(scored, weights, 0.0).sum(axis=1) / whole
    return np.round(value, DIGITS) + 0.0, np.round(coverage, DIGITS)


def directions(
    value: np.ndarray,
    coverage: np.ndarray,
    by: ComponentWeighted,
    buy_at: np.ndarray | float,
    sell_at: np.ndarray | float,
) -> np.ndarray:
    """1 to buy, -1 to sell, 0 to hold. The thresholds may be one a bar."""
    made = (value >= buy_at).astype(np.int64) - (value <= sell_at)
    made[coverage < by.least_scored] = 0
    return made
