"""What an index did from one price to a later one: by its fund's bars, or else by its members'.

One rule for the outcomes of signals and for the backtest: where the fund has both prices, they
count; where it lacks one, the members' returns count, each by its weight. A member counts where it
has both prices, and its weight goes to the others where it lacks one. Arrays in, arrays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MEMBERS = "members"  # the origin of a return that was computed from the members' bars


@dataclass(frozen=True, eq=False)
class IndexPrices:
    """Prices at one instant of each bar; NaN where there is none."""

    fund: np.ndarray  # of each bar
    members: np.ndarray  # a row for each bar, a column for each member


@dataclass(frozen=True, eq=False)
class IndexRatios:
    """What became of one unit of the index, for each bar."""

    value: np.ndarray  # later price over earlier price; NaN where neither the fund nor a member
    of_fund: np.ndarray  # bool: the fund has both prices
    coverage: np.ndarray  # the part of the members' weight that has both; 1 where the fund has

    def origins(self, fund: str) -> list[str]:
        """Name for each bar whose prices count."""
        return [fund if of_fund else MEMBERS for of_fund in self.of_fund.tolist()]


def index_ratios(earlier: IndexPrices, later: IndexPrices, weights: np.ndarray) -> IndexRatios:
    """Compute the index's ratio for each bar, by the weights as they were known at the bar.

    Weights have the shape of the members' prices; NaN or 0 where a member does not count.
    """
    of_fund = np.isfinite(earlier.fund) & np.isfinite(later.fund)
    has_both = np.isfinite(earlier.members) & np.isfinite(later.members)
    known = np.where(np.isfinite(weights), weights, 0.0)
    weight = np.where(has_both, known, 0.0)
    total, whole = weight.sum(axis=1), known.sum(axis=1)
    ratios = np.divide(later.members, earlier.members, out=np.zeros(weight.shape), where=has_both)
    empty = np.full(len(total), np.nan)
    of_members = np.divide((weight * ratios).sum(axis=1), total, out=empty, where=total > 0)
    of_own = np.divide(later.fund, earlier.fund, out=np.ones(len(total)), where=of_fund)
    coverage = np.divide(total, whole, out=np.zeros(len(total)), where=whole > 0)
    return IndexRatios(
        np.where(of_fund, of_own, of_members), of_fund, np.where(of_fund, 1.0, coverage)
    )
