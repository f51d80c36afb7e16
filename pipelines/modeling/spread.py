"""Put an interval around a value; it contains what happens four times in five.

The ends lie where the residuals of selection rows had their 10 % and 90 % quantiles, counted
with one row more than there are, so that future rows are inside as often as is promised (split
conformal prediction). Residuals of training rows are too small, as the model knows these rows;
they serve only where selection rows are few.

Residuals are taken in units of the width that the features predict (width.py), if the older half of
the selection rows makes a better interval for the newer half that way than one as wide for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.modeling.candidates.base import FittedValue, select_columns
from pipelines.modeling.dataset import Rows
from pipelines.modeling.value_metrics import interval_score
from pipelines.modeling.width import Width

COVERAGE = 0.8  # share of what happens that an interval is to hold
LEAST_ROWS = 100  # to learn an interval from, and to try one on


@dataclass(frozen=True)
class Spread:
    """The distance of both ends of an interval from the value, in units of the width."""

    low: float  # at most 0
    high: float
    width: Width | None = None  # None: as wide for every row

    def around(self, values: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """For each row the value, and the lower and the upper end of its interval.

        `inputs` are the features that the candidate reads.
        """
        unit = np.ones(len(values)) if self.width is None else self.width.sizes(inputs)
        return np.stack([values, values + self.low * unit, values + self.high * unit], axis=1)


@dataclass(frozen=True, eq=False)
class ValueModel:
    """A fitted candidate with its spread, as it is published."""

    fitted: FittedValue
    spread: Spread

    def score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The value and the interval of each row, and the value alone."""
        values = self.fitted.values(features)
        inputs = select_columns(features, self.fitted.places)
        return self.spread.around(values, inputs), values


def spread_of_residuals(residuals: np.ndarray, width: Width | None, inputs: np.ndarray) -> Spread:
    """Ends that leave as many residuals below as above. The value itself is always inside."""
    units = residuals if width is None else residuals / width.sizes(inputs)
    ordered, count = np.sort(units), len(units)
    # Residuals at or beyond each end; an error in the last digit must not change the number.
    beyond = int((count + 1) * (1 - COVERAGE) / 2 + 1e-9)
    low, high = ordered[max(beyond - 1, 0)], ordered[min(count - beyond, count - 1)]
    return Spread(min(float(low), 0.0), max(float(high), 0.0), width)


def uncalibrated_spread(fitted: FittedValue) -> Spread:
    """The spread of the residuals of training rows alone, as wide for every row."""
    return spread_of_residuals(fitted.residuals, None, np.empty(0))


def calibrate_spread(fitted: FittedValue, rows: Rows, truth: np.ndarray) -> tuple[Spread, str]:
    """Learn the spread from selection rows; with it, a sentence about how that went."""
    if len(rows) < LEAST_ROWS:
        return uncalibrated_spread(fitted), (
            f"{len(rows)} rows are too few to learn an interval from: it is that of training rows,"
            " and likely too narrow"
        )
    residuals = truth - fitted.values(rows.features)
    width, reason = _choose_width(fitted, rows, truth, residuals)
    spread = spread_of_residuals(residuals, width, select_columns(rows.features, fitted.places))
    return spread, f"the interval is that of {len(rows)} selection rows; {reason}"


def _choose_width(
    fitted: FittedValue, rows: Rows, truth: np.ndarray, residuals: np.ndarray
) -> tuple[Width | None, str]:
    """The width, if it helps on newer rows than the ends were learned from; else none."""
    sessions = np.unique(rows.session)
    newer = rows.session >= sessions[len(sessions) // 2]
    older = ~newer & (rows.known_at < rows.closes_at[newer].min())
    if min(older.sum(), newer.sum()) < LEAST_ROWS:
        finding = f"{older.sum()} and {newer.sum()} rows are too few to try one that is not"
        return None, f"it is as wide for every row, as {finding}"
    inputs = select_columns(rows.features, fitted.places)
    values = fitted.values(rows.features[newer])
    even, by_features = (
        interval_score(
            truth[newer],
            spread_of_residuals(residuals[older], width, inputs[older]).around(
                values, inputs[newer]
            ),
            COVERAGE,
        )
        for width in (None, fitted.width)
    )
    helps = by_features < even
    finding = (
        f"takes its score from {even:.4g} to {by_features:.4g} on rows it was not learned from"
    )
    return fitted.width if helps else None, (
        f"a width by the features {finding}: {'kept' if helps else 'not kept'}"
    )
