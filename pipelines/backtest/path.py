"""The bars of the index that a signal is about: its own, or made of its members'.

The members' highs do not fall into one instant, so their mean is more than the index ever
reached, and the mean of the lows less. A made bar therefore has two pairs of ends: `high` and
`low`, which the index never went beyond, and `sure_high` and `sure_low`, which it did reach.
A stop looks at the former and a target at the latter, so that neither flatters.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

LEVEL = 100.0  # at which an index that is made begins
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
        return Path(*(getattr(self, one.name)[which] for one in fields(self)))

    @property
    def over_night(self) -> np.ndarray:
        """Where the return from the bar before spans a night."""
        made = np.zeros(len(self), bool)
        made[1:] = self.session[1:] != self.session[:-1]
        return made


def own(
    ts: np.ndarray,
    closes_at: np.ndarray,
    session: np.ndarray,
    last: np.ndarray,
    prices: dict[str, np.ndarray],
) -> Path:
    """The path of an instrument that has bars of its own."""
    opened, high, low, close = (prices[name] for name in PRICES)
    return Path(ts, closes_at, session, last, opened, high, low, close, high, low)


def of_members(
    ts: np.ndarray,
    closes_at: np.ndarray,
    session: np.ndarray,
    last: np.ndarray,
    prices: dict[str, np.ndarray],
    weights: np.ndarray,
) -> Path:
    """The path of members by their weights as known at the bar before.

    Prices have a row a bar and a column a member, NaN where it has no bar. A member counts where
    it has this bar and the one before; where none does, the index is said not to have moved.
    """
    before = np.vstack([np.full((1, weights.shape[1]), np.nan), prices["close"][:-1]])
    there = np.isfinite(before) & np.isfinite(prices["close"])
    held = np.where(there, np.vstack([weights[:1], weights[:-1]]), 0.0)
    whole = held.sum(axis=1)
    moved = whole > 0

    def against_before(name: str) -> np.ndarray:
        part = np.where(there, held * prices[name] / np.where(there, before, 1.0), 0.0).sum(axis=1)
        made: np.ndarray = np.divide(part, whole, out=np.ones(len(whole)), where=moved)
        return made

    ratio = {name: against_before(name) for name in PRICES}
    close = LEVEL * np.cumprod(ratio["close"])
    start = np.concatenate([[LEVEL], close[:-1]])
    opened, high, low = (start * ratio[name] for name in ("open", "high", "low"))
    # Means of rounded numbers: they may miss one another by a last digit.
    high, low = (
        np.maximum(high, np.maximum(opened, close)),
        np.minimum(low, np.minimum(opened, close)),
    )
    return Path(
        ts, closes_at, session, last, opened, high, low, close,
        sure_high=np.maximum(opened, close), sure_low=np.minimum(opened, close),
    )  # fmt: skip
