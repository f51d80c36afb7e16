"""The panel: bars of many symbols as the arrays that features and labels are computed from.

What features read beside these bars is aligned to them before any feature runs: the newest value
that was known when each bar closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipelines.core.errors import InvalidRequest

if TYPE_CHECKING:  # declarations of forecasts import this module, and must not load Arrow
    import pyarrow as pa

    from pipelines.core.calendar import Calendar, Grid, Interval

Arrays = Mapping[str, np.ndarray]

PRICES = ("open", "high", "low", "close", "volume", "bid", "ask")


@dataclass(frozen=True)
class Panel:
    """Bars of many symbols end to end, each in ascending order: arrays, and where each begins."""

    arrays: Arrays
    starts: np.ndarray  # index of each symbol's first row

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    @cached_property
    def bars_before(self) -> np.ndarray:
        """Number of bars of the same symbol before each row."""
        lengths = np.diff(np.append(self.starts, len(self)))
        before: np.ndarray = np.arange(len(self)) - np.repeat(self.starts, lengths)
        return before

    def first_rows(self, bars: int) -> np.ndarray:
        """Return the row numbers of the first `bars` bars of every symbol."""
        ends = np.append(self.starts[1:], len(self))
        rows = self.starts[:, None] + np.arange(bars)
        first: np.ndarray = rows[rows < ends[:, None]]
        return first


def build_panel(
    bars: pa.Table,
    market: Calendar,
    interval: Interval,
    grid: Grid = "session",
    aligned: Arrays | None = None,
) -> Panel:
    """Build a panel of bars in ascending order of symbol and ts.

    `place` counts the bars of a session from 0, `session_bars` is how many it has, `weekday` is
    that of its date from 0 on Monday, and `ordinal` numbers the bars of the calendar, so that a
    missing bar shows as a jump. `aligned` are what features read beside these bars, with a value
    for each of them.
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
    return Panel(
        arrays | dict(aligned or {}) | _calendar_arrays(ts, market, interval, grid), starts
    )


def _calendar_arrays(
    ts: np.ndarray, market: Calendar, interval: Interval, grid: Grid
) -> dict[str, np.ndarray]:
    if not len(ts):
        empty = np.zeros(0)
        return {
            "place": empty, "session_start": empty.astype(bool),
            "session_bars": empty, "weekday": empty, "ordinal": empty.astype(np.int64),
        }  # fmt: skip
    grid_bars = market.whole_sessions(interval, ts.min(), ts.max(), grid)
    positions = np.searchsorted(grid_bars.ts, ts)
    is_bar = (positions < len(grid_bars)) & (
        grid_bars.ts[np.minimum(positions, len(grid_bars) - 1)] == ts
    )
    if not is_bar.all():
        raise InvalidRequest(
            f"{ts[~is_bar][0]} opens no {interval} bar of {market.name}",
            "leave the times out to have bars count as the newest closed ones",
        )
    first = np.flatnonzero(np.diff(grid_bars.session.astype(np.int64), prepend=-(10**9)))
    lengths = np.diff(np.append(first, len(grid_bars)))
    place = np.arange(len(grid_bars)) - np.repeat(first, lengths)
    session = grid_bars.session[positions].astype("datetime64[D]").astype(np.int64)
    return {
        "place": place[positions].astype(np.float64),
        "session_start": place[positions] == 0,
        "session_bars": np.repeat(lengths, lengths)[positions].astype(np.float64),
        "weekday": (session + 3) % 7.0,  # from 0 on Monday; 1970-01-01 was a Thursday
        "ordinal": positions,
    }
