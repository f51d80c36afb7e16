"""The sample's own index weights: monthly, drifting with its prices.

At the first session of a year the members weigh 1/(rank + 2) by their place in the list, the
heaviest about nine per cent; until the next year each weight follows its price. Weights take
effect at the first session of a month and are known from its open: they use only closes before.
The members are those of include/sample/members.csv at every date; none joins or leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipelines.core.calendar import utc
from pipelines.core.instants import to_numpy
from pipelines.sources.sample.skeleton import (
    Market,
    close_before,
    first_weights,
    grid,
    index_members,
)

FIRST_WEIGHTS = utc("2015-01-02T14:30+00:00")


@dataclass(frozen=True)
class Weights:
    """The weights of the whole index: a row a month, a column a member."""

    symbols: tuple[str, ...]
    effective: np.ndarray  # datetime64[D]
    known_at: np.ndarray  # datetime64[us]
    weight: np.ndarray  # (months, members), rows sum to 1

    def fraction(self, symbols: Iterable[str]) -> np.ndarray:
        return self.weight[:, [self.symbols.index(symbol) for symbol in symbols]]


def weights(market: Market, as_of: datetime) -> Weights:
    """Return the weights of every month since 2015 that were known at `as_of`."""
    sessions = grid()
    month, year = sessions.session.astype("datetime64[M]"), sessions.session.astype("datetime64[Y]")
    begins = np.flatnonzero(np.r_[True, month[1:] != month[:-1]])
    begins = begins[sessions.opens[begins] <= to_numpy(as_of)]
    resets = np.searchsorted(year, year[begins])
    symbols = tuple(member.symbol for member in index_members())
    growth = np.empty((len(begins), len(symbols)))
    for place, symbol in enumerate(symbols):
        before = close_before(market, symbol)
        growth[:, place] = before[begins] - before[resets]
    value = np.exp(growth) * first_weights(len(symbols))
    return Weights(
        symbols,
        sessions.session[begins],
        sessions.opens[begins],
        value / value.sum(axis=1, keepdims=True),
    )
