"""Bars of silver as the arrays that features and labels take."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import Calendar, Grid, Interval
from pipelines.core.errors import InvalidRequest
from pipelines.features.base import Block

PRICES = ("open", "high", "low", "close", "volume", "bid", "ask")


def block_of(bars: pa.Table, market: Calendar, interval: Interval, grid: Grid = "session") -> Block:
    """Bars in ascending order of symbol and ts, with their place in the calendar.

    `place` counts the bars of a session from 0, `session_bars` is how many it has, and `ordinal`
    numbers the calendar's bars, so that a missing one can be told.
    """
    arrays = {
        name: bars[name].to_numpy().astype(np.float64, copy=False)
        for name in PRICES
        if name in bars.schema.names
    }
    symbols = bars["symbol"].combine_chunks().dictionary_encode()
    codes = symbols.indices.to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.diff(codes, prepend=-1)) if len(codes) else np.zeros(0, int)
    if len(starts) > len(symbols.dictionary):
        raise InvalidRequest("bars of a symbol do not lie together", "order them by symbol and ts")
    ts = bars["ts"].to_numpy().astype("datetime64[us]")
    return Block(arrays | _placed(ts, market, interval, grid), starts)


def _placed(
    ts: np.ndarray, market: Calendar, interval: Interval, grid: Grid
) -> dict[str, np.ndarray]:
    if not len(ts):
        empty = np.zeros(0)
        return {
            "place": empty, "session_start": empty.astype(bool),
            "session_bars": empty, "ordinal": empty.astype(np.int64),
        }  # fmt: skip
    made = market.whole_sessions(interval, ts.min(), ts.max(), grid)
    at = np.searchsorted(made.ts, ts)
    known = (at < len(made)) & (made.ts[np.minimum(at, len(made) - 1)] == ts)
    if not known.all():
        raise InvalidRequest(
            f"{ts[~known][0]} opens no {interval} bar of {market.name}",
            "leave the times out to have bars count as the newest closed ones",
        )
    first = np.flatnonzero(np.diff(made.session.astype(np.int64), prepend=-(10**9)))
    lengths = np.diff(np.append(first, len(made)))
    place = np.arange(len(made)) - np.repeat(first, lengths)
    return {
        "place": place[at].astype(np.float64),
        "session_start": place[at] == 0,
        "session_bars": np.repeat(lengths, lengths)[at].astype(np.float64),
        "ordinal": at,
    }


def symbols_of(bars: pa.Table) -> list[str]:
    """The symbols of ordered bars, in their order."""
    found: list[str] = pc.unique(bars["symbol"]).to_pylist()
    return found
