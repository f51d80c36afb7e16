"""The bars of the index that a signal is about: its fund's, or computed from its members' bars.

The members do not reach their highs at the same instant, so the mean of their highs is more
than the index ever reached, and the mean of the lows less. A computed bar therefore has two
pairs of ends: `high` and `low`, which the index never went beyond, and `sure_high` and
`sure_low`, which it did reach. Stops use the first pair and targets the second, so that neither
flatters the backtest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from pipelines.scoring.index_return import IndexPrices, index_ratios

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


def path_of_index(
    ts: np.ndarray,
    closes_at: np.ndarray,
    session: np.ndarray,
    last: np.ndarray,
    fund: dict[str, np.ndarray],
    members: dict[str, np.ndarray],
    weights: np.ndarray,
) -> Path:
    """Return the path of an index: its fund's bars, computed from its members where it has none.

    The fund has a price for each bar; the members have a row for each bar and a column for each
    member; NaN where there is no bar. Members count by their weights at the bar before. A fund
    that has every bar is the path as it is; where there is neither, the index does not move.
    """
    if np.isfinite(fund["close"]).all():
        opened, high, low, close = (fund[name] for name in PRICES)
        return Path(ts, closes_at, session, last, opened, high, low, close, high, low)
    before = IndexPrices(_one_before(fund["close"]), _one_before(members["close"]))
    weights_before = np.vstack([weights[:1], weights[:-1]])
    ratios = {
        name: index_ratios(before, IndexPrices(fund[name], members[name]), weights_before)
        for name in PRICES
    }
    ratio = {n: np.where(np.isfinite(r.value), r.value, 1.0) for n, r in ratios.items()}
    close = LEVEL * np.cumprod(ratio["close"])
    start = np.concatenate([[LEVEL], close[:-1]])
    opened, high, low = (start * ratio[name] for name in ("open", "high", "low"))
    # Means of rounded numbers may differ from one another in the last digit.
    high, low = (
        np.maximum(high, np.maximum(opened, close)),
        np.minimum(low, np.minimum(opened, close)),
    )
    of_fund = ratios["close"].of_fund
    return Path(
        ts, closes_at, session, last, opened, high, low, close,
        sure_high=np.where(of_fund, high, np.maximum(opened, close)),
        sure_low=np.where(of_fund, low, np.minimum(opened, close)),
    )  # fmt: skip


def _one_before(prices: np.ndarray) -> np.ndarray:
    """Return for each bar the prices of the bar before it; NaN for the first."""
    shifted = np.full(prices.shape, np.nan)
    shifted[1:] = prices[:-1]
    return shifted
