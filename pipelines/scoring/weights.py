"""The weights of an index as they were known at each bar: one rule for scoring and backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE

QUARTER_DAYS = 92  # funds publish their weights daily, indices are rebalanced every quarter
ALWAYS = date(1970, 1, 1)  # from when on a symbol by itself weighs 1; that never ages


@dataclass(frozen=True)
class WeightSet:
    """An index's weights as they stood at a bar."""

    weights: Mapping[str, float]
    effective: date
    partial: bool  # the source names only some of the members


@dataclass(frozen=True, eq=False)
class BarWeights:
    """The weight set of each bar. Many bars share one set."""

    sets: tuple[WeightSet | None, ...]  # None: nothing was known
    set_of_bar: np.ndarray  # place in `sets`

    def of_members(self, members: Sequence[str]) -> np.ndarray:
        """Return the weights with a row for each bar and a column for each member.

        NaN where the member's weight is not known.
        """
        rows = [
            [
                np.nan if weight_set is None else weight_set.weights.get(name, np.nan)
                for name in members
            ]
            for weight_set in self.sets
        ]
        table = np.array(rows, dtype=np.float64).reshape(len(self.sets), len(members))
        weights: np.ndarray = table[self.set_of_bar]
        return weights


def weigh_alone(symbol: str) -> pa.Table:
    """Return the weight of a symbol that stands alone, as a row of silver.weights."""
    return pa.table(
        {
            "symbol": [symbol],
            "weight": [1.0],
            "effective": pa.array([ALWAYS], pa.date32()),
            "known_at": pa.array([datetime(1970, 1, 1, tzinfo=UTC)], UTC_TYPE),
            "partial": [False],
        }
    )


def find_age_warning(index: str, effective: date, day: date) -> str:
    """Warn of weights that are older than a quarter on a day; empty where they are not."""
    age = (day - effective).days
    if age <= QUARTER_DAYS or effective == ALWAYS:
        return ""
    return f"weights of {index} are of {effective}, {age} days old: bring newer ones"


class Weights:
    """What is known of one index's weights, and since when."""

    def __init__(self, index: str, rows: pa.Table) -> None:
        self.index = index
        self._symbol = rows["symbol"].to_pylist()
        self._weight = rows["weight"].to_numpy()
        self._effective = rows["effective"].to_numpy().astype("datetime64[D]")
        self._known_at = rows["known_at"].to_numpy().astype("datetime64[us]")
        self._partial = rows["partial"].to_numpy(zero_copy_only=False)

    def at_bars(self, closes_at: np.ndarray, session: np.ndarray) -> BarWeights:
        """Find for each bar the newest set that was in effect in its session.

        A row counts from the bar on at whose close it was known. A set is never completed from
        another one.
        """
        known_times, days = np.unique(self._known_at), np.unique(self._effective)
        known_count = np.searchsorted(known_times, closes_at, side="right")
        effective_count = np.searchsorted(days, session, side="right")
        # Bars between the same two changes see the same rows.
        _, first, set_of_bar = np.unique(
            known_count * (len(days) + 1) + effective_count, return_index=True, return_inverse=True
        )
        sets = tuple(self._set_at(closes_at[bar], session[bar]) for bar in first.tolist())
        return BarWeights(sets, set_of_bar)

    def _set_at(self, closes_at: np.datetime64, session: np.datetime64) -> WeightSet | None:
        applies = (self._known_at <= closes_at) & (self._effective <= session)
        if not applies.any():
            return None
        newest = self._effective[applies].max()
        rows = np.flatnonzero(applies & (self._effective == newest))
        return WeightSet(
            {self._symbol[row]: float(self._weight[row]) for row in rows},
            newest.item(),
            bool(self._partial[rows].any()),
        )

    @property
    def missing_reason(self) -> str:
        """Say why a bar has no weights."""
        reason = "became known only after the bar" if self._symbol else "are not known"
        return f"weights of {self.index} {reason}"
