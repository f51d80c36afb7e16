"""What was published of an index, and what the index did: the evidence for the gate of the WSS.

The scores of judged rows are combined as a signal's are, by the weights that were known at each
bar, and stand beside the index's return from that close to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipelines.core.universes import Universe
from pipelines.gates import Evidence, IndexEvidence
from pipelines.modeling.answers import answer_of
from pipelines.scoring.index_return import IndexPrices, index_ratios
from pipelines.scoring.weights import Weights
from pipelines.scoring.wss import combine_scores


@dataclass(frozen=True, eq=False)
class IndexBars:
    """The bars of a universe's members and of its fund: a row a bar, a column a member."""

    universe: Universe
    closes_at: np.ndarray  # datetime64[us], ascending
    session: np.ndarray  # datetime64[D]
    next_return: np.ndarray  # of the index, to the next own bar's close; NaN where it is not known
    weights: np.ndarray  # as they were known at each bar; NaN where not, or no member on that date


def build_index_bars(
    universe: Universe, bars: pa.Table, fund: pa.Table, weights: pa.Table
) -> IndexBars:
    """Align the closes of members and fund, and compute what the index did after each bar.

    `bars` and `fund` have symbol, closes_at, session, close and next_close_at, which is when the
    forecast's next own bar closes.
    """
    closes_at, first = np.unique(_instants(bars, "closes_at"), return_index=True)
    session = bars["session"].to_numpy().astype("datetime64[D]")[first]
    next_close_at = _instants(bars, "next_close_at")[first]
    column_of = {symbol: column for column, symbol in enumerate(universe.symbols)}
    column = np.array([column_of[name] for name in bars["symbol"].to_pylist()], np.int64)
    members = np.full((len(closes_at), len(column_of)), np.nan)
    members[np.searchsorted(closes_at, _instants(bars, "closes_at")), column] = bars[
        "close"
    ].to_numpy()
    fund_closes, at = np.full(len(closes_at), np.nan), _instants(fund, "closes_at")
    is_known = np.isin(at, closes_at)
    fund_closes[np.searchsorted(closes_at, at[is_known])] = fund["close"].to_numpy()[is_known]
    known = (
        Weights(universe.index, weights).at_bars(closes_at, session).of_members(universe.symbols)
    )
    member_weights = np.where(universe.membership(session), known, np.nan)
    place = np.searchsorted(closes_at, next_close_at)
    has_next = (place < len(closes_at)) & ~np.isnat(next_close_at)
    place = np.where(has_next, np.minimum(place, len(closes_at) - 1), 0)
    has_next &= closes_at[place] == next_close_at
    ratios = index_ratios(
        IndexPrices(fund_closes, members),
        IndexPrices(fund_closes[place], members[place]),
        member_weights,
    )
    next_return = np.where(has_next, np.log(ratios.value), np.nan)
    return IndexBars(universe, closes_at, session, next_return, member_weights)


def add_index_evidence(
    evidence: Evidence,
    symbols: Sequence[str],
    indexes: Sequence[IndexBars],
    kind: str = "classes",
) -> Evidence:
    """Return the evidence with what was published of each universe, and what the index did.

    `symbols` are those of the forecast, by code; `kind` is that of its target.
    """
    indexes_evidence = (_combine(evidence, symbols, bars, kind) for bars in indexes)
    return replace(evidence, indexes=tuple(indexes_evidence))


def _combine(
    evidence: Evidence, symbols: Sequence[str], bars: IndexBars, kind: str
) -> IndexEvidence:
    """Combine the scores of the judging rows at each bar at which a signal would be made."""
    rows, members = evidence.judging, bars.universe.symbols
    place_of = {symbol: place for place, symbol in enumerate(members)}
    column = np.array([place_of.get(symbol, -1) for symbol in symbols], np.int64)[rows.symbol]
    row = np.minimum(np.searchsorted(bars.closes_at, rows.closes_at), len(bars.closes_at) - 1)
    matches = (column >= 0) & (bars.closes_at[row] == rows.closes_at)
    scores, expected = (np.full(bars.weights.shape, np.nan) for _ in range(2))
    published, expected_score = answer_of(kind).signal_scores(
        evidence.scores, evidence.outputs, evidence.published_predictions
    )
    scores[row[matches], column[matches]] = published[matches]
    expected[row[matches], column[matches]] = expected_score[matches]
    has_weight = np.isfinite(bars.weights)
    is_judged = (np.isfinite(scores) & has_weight).any(axis=1) & np.isfinite(bars.next_return)
    weights = bars.weights[is_judged]
    return IndexEvidence(
        bars.universe.name,
        combine_scores(scores[is_judged], weights).wss,
        combine_scores(expected[is_judged], weights).wss,
        bars.next_return[is_judged],
        bars.session[is_judged],
    )


def _instants(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy().astype("datetime64[us]"))
