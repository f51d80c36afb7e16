"""The bars of the index that a signal is about: its own, or computed from its members' bars.

The members do not reach their highs at the same instant, so the mean of their highs is more
than the index ever reached, and the mean of the lows less. A computed bar therefore has two
pairs of ends: `high` and `low`, which the index never went beyond, and `sure_high` and
`sure_low`, which it did reach. Stops use the first pair and targets the second, so that neither
flatters the backtest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

LEVEL = 100.0  # at which a computed index begins
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, eq=False)
class Path:
    """Bars of one instrument in ascending order."""

    ts: np.ndarray
    closes_at: np.ndarray
    session: np.ndarray
    last: np.ndarray  # bool: by the calendar the session ends with it
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    sure_high: np.ndarray
    sure_low: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, which: np.ndarray | slice) -> Path:
        return Path(*(getattr(self, field.name)[which] for field in fields(self)))

    @property
    def over_night(self) -> np.ndarray:
        """Mark the bars whose return from the bar before spans a night."""
        over_night = np.zeros(len(self), bool)
        over_night[1:] = self.session[1:] != self.session[:-1]
        return over_night


def path_of_bars(
    ts: np.ndarray,
    closes_at: np.ndarray,
    session: np.ndarray,
    last: np.ndarray,
    prices: dict[str, np.ndarray],
) -> Path:
    """Return the path of an instrument that has bars of its own."""
    opened, high, low, close = (prices[name] for name in PRICES)
    return Path(ts, closes_at, session, last, opened, high, low, close, high, low)


def path_of_members(
    ts: np.ndarray,
    closes_at: np.ndarray,
    session: np.ndarray,
    last: np.ndarray,
    prices: dict[str, np.ndarray],
    weights: np.ndarray,
) -> Path:
    """Compute the path of an index from its members, by their weights at the bar before.

    Prices have a row for each bar and a column for each member, NaN where it has no bar. A member
    counts where it has this bar and the one before; where none does, the index does not move.
    """
    before = np.vstack([np.full((1, weights.shape[1]), np.nan), prices["close"][:-1]])
    has_both = np.isfinite(before) & np.isfinite(prices["close"])
    weight = np.where(has_both, np.vstack([weights[:1], weights[:-1]]), 0.0)
    total = weight.sum(axis=1)
    has_members = total > 0

    def against_before(name: str) -> np.ndarray:
        part = np.where(has_both, weight * prices[name] / np.where(has_both, before, 1.0), 0.0).sum(
            axis=1
        )
        ratios: np.ndarray = np.divide(part, total, out=np.ones(len(total)), where=has_members)
        return ratios

    ratio = {name: against_before(name) for name in PRICES}
    close = LEVEL * np.cumprod(ratio["close"])
    start = np.concatenate([[LEVEL], close[:-1]])
    opened, high, low = (start * ratio[name] for name in ("open", "high", "low"))
    # Means of rounded numbers may differ from one another in the last digit.
    high, low = (
        np.maximum(high, np.maximum(opened, close)),
        np.minimum(low, np.minimum(opened, close)),
    )
    return Path(
        ts, closes_at, session, last, opened, high, low, close,
        sure_high=np.maximum(opened, close), sure_low=np.minimum(opened, close),
    )  # fmt: skip
