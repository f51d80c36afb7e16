"""From a value to the interval that holds what happens four times in five.

The ends lie where the residuals of selection rows had their 10 % and 90 % quantiles, counted
with one row more than there are, so that rows yet to come are held as often as is said (split
conformal prediction). Residuals of training rows are too small, as the model knows these rows;
they serve only where selection rows are few.

Residuals are taken in units of the width that the features tell (width.py), if the older half of
the selection rows makes a better interval for the newer half that way than one as wide for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.modeling.candidates.base import FittedValue
from pipelines.modeling.dataset import Rows
from pipelines.modeling.values import interval_score
from pipelines.modeling.width import Width

COVERAGE = 0.8  # share of what happens that an interval is to hold
FEWEST = 100  # rows to learn an interval from, and to try one on


@dataclass(frozen=True)
class Spread:
    """How far below and above the value an interval reaches, in units of the width."""

    low: float  # at most 0
    high: float
    width: Width | None = None  # None: as wide for every row

    def around(self, values: np.ndarray, features: np.ndarray) -> np.ndarray:
        """A row a row: the value, and the lower and the upper end of its interval."""
        unit = np.ones(len(values)) if self.width is None else self.width.of(features)
        return np.stack([values, values + self.low * unit, values + self.high * unit], axis=1)


@dataclass(frozen=True, eq=False)
class ValueModel:
    """A fitted candidate with its interval: what is published."""

    fitted: FittedValue
    spread: Spread

    def score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The value of each row with the ends of its interval, and the value alone."""
        values = self.fitted.values(features)
        return self.spread.around(values, features), values


def of_residuals(residuals: np.ndarray, width: Width | None, features: np.ndarray) -> Spread:
    """The ends that leave as many residuals below as above. The value itself is always inside."""
    units = residuals if width is None else residuals / width.of(features)
    ordered, count = np.sort(units), len(units)
    # How many end at or outside each end; the least of digits must not cost one.
    beyond = int((count + 1) * (1 - COVERAGE) / 2 + 1e-9)
    low, high = ordered[max(beyond - 1, 0)], ordered[min(count - beyond, count - 1)]
    return Spread(min(float(low), 0.0), max(float(high), 0.0), width)


def plain(fitted: FittedValue) -> Spread:
    """By training rows alone, and as wide for every row."""
    return of_residuals(fitted.residuals, None, np.empty(0))


def learn(fitted: FittedValue, rows: Rows, truth: np.ndarray) -> tuple[Spread, str]:
    """By selection rows, and how that went."""
    if len(rows) < FEWEST:
        return plain(fitted), (
            f"{len(rows)} rows are too few to learn an interval from: it is that of training rows,"
            " and likely too narrow"
        )
    residuals = truth - fitted.values(rows.features)
    width, reason = _kept(fitted, rows, truth, residuals)
    made = of_residuals(residuals, width, rows.features)
    return made, f"the interval is that of {len(rows)} selection rows; {reason}"


def _kept(
    fitted: FittedValue, rows: Rows, truth: np.ndarray, residuals: np.ndarray
) -> tuple[Width | None, str]:
    """The width, if it helps on rows newer than those the ends were learned from."""
    sessions = np.unique(rows.session)
    newer = rows.session >= sessions[len(sessions) // 2]
    older = ~newer & (rows.known_at < rows.closes_at[newer].min())
    if min(older.sum(), newer.sum()) < FEWEST:
        told = f"{older.sum()} and {newer.sum()} rows are too few to try one that is not"
        return None, f"it is as wide for every row, as {told}"
    values, features = fitted.values(rows.features[newer]), rows.features[newer]
    even, by_features = (
        interval_score(
            truth[newer],
            of_residuals(residuals[older], width, rows.features[older]).around(values, features),
            COVERAGE,
        )
        for width in (None, fitted.width)
    )
    kept = by_features < even
    told = f"takes its score from {even:.4g} to {by_features:.4g} on rows it was not learned from"
    return fitted.width if kept else None, (
        f"a width told from the features {told}: {'kept' if kept else 'not kept'}"
    )
