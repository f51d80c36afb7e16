"""The stretch of calendar on which rows are judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE, Calendar, Grid, Interval
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.landing.rules import REACH


@dataclass(frozen=True, eq=False)
class BarGrid:
    """The bars around the rows received, by the labels that sources name them with.

    `place` numbers the bars, so that distance is counted in bars and not in hours.
    """

    table: pa.Table  # label, ts, closes_at, session, place; in ascending order
    judged_from: datetime | None  # the first bar that the rows received can decide on

    @property
    def labels(self) -> tuple[datetime | None, datetime | None]:
        """The first and the last label."""
        return self._ends("label")

    @property
    def judged(self) -> tuple[datetime | None, datetime | None]:
        """The first and the last bar that the rows received can decide on."""
        return self.judged_from, self._ends("ts")[1] if self.judged_from else None

    @property
    def since(self) -> str:
        """SQL: the instant `judged_from`, or null."""
        at = self.judged_from
        return f"TIMESTAMPTZ '{at.isoformat()}'" if at else "NULL::TIMESTAMPTZ"

    def _ends(self, name: str) -> tuple[datetime | None, datetime | None]:
        column = self.table[name]
        return (column[0].as_py(), column[-1].as_py()) if len(column) else (None, None)


def reach_of(interval: Interval) -> timedelta:
    """Return a span that holds REACH bars, whatever holidays lie in it."""
    if interval.minutes is not None:
        return timedelta(days=12 + REACH * interval.minutes // 200)
    return timedelta(days={"1d": 2, "1w": 8, "1mo": 32}[interval.name] * REACH + 10)


def build_grid(
    market: Calendar, interval: Interval, grid: Grid, low: datetime, high: datetime
) -> BarGrid:
    """Return every label from REACH bars before `low` to REACH bars after `high`, with its bar."""
    reach = reach_of(interval)
    bars = market.bars(interval, low - reach, high + reach, grid)
    labels, place = _labels(market, interval, bars.ts, bars.session)
    inside = (labels >= to_numpy(low)) & (labels <= to_numpy(high))
    if inside.any():
        first, last = place[inside].min(), place[inside].max()
    else:  # no row names a bar: nothing is judged, and every row is rejected
        first = last = int(np.searchsorted(bars.ts, to_numpy(low)))
    within = (place >= first - REACH) & (place <= last + REACH)
    labels, place = labels[within], place[within]
    judged_places = place[place >= first]
    return BarGrid(
        pa.table(
            {
                "label": pa.array(labels).cast(UTC_TYPE),
                "ts": pa.array(bars.ts[place]).cast(UTC_TYPE),
                "closes_at": pa.array(bars.closes_at[place]).cast(UTC_TYPE),
                "session": pa.array(bars.session[place]),
                "place": pa.array(place, pa.int64()),
            }
        ),
        from_numpy(bars.ts[judged_places[0]]) if len(judged_places) else None,
    )


def _labels(
    market: Calendar, interval: Interval, ts: np.ndarray, sessions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how sources name the bars: by their open, and from one day up by a date within."""
    if interval.intraday or not len(ts):
        return ts, np.arange(len(ts))
    days = np.arange(sessions[0], sessions[-1] + np.timedelta64(1, "D"))
    opens, is_bar = market.opens_of(interval, days)
    place = np.minimum(np.searchsorted(ts, opens), len(ts) - 1)
    is_bar &= ts[place] == opens
    return days[is_bar].astype("datetime64[us]"), place[is_bar]


@dataclass(frozen=True)
class RowOrder:
    """The order of rows."""

    ascending: bool  # by symbol and bar, each bar once and each row on a bar
    repeats: bool  # some bar comes twice


def place_rows(rows: pa.Table, grid: BarGrid) -> tuple[pa.Table, RowOrder]:
    """Give each row the bar that its time names, or none; return also the order of the rows."""
    labels = grid.table["label"].to_numpy()
    times = rows["ts"].to_numpy()
    place = np.minimum(np.searchsorted(labels, times), max(len(labels) - 1, 0))
    on_grid = labels[place] == times if len(labels) else np.zeros(len(times), bool)
    indices = pa.array(np.where(on_grid, place, 0), mask=~on_grid)
    columns = grid.table.select(["ts", "closes_at", "session", "place"])
    bars = columns.take(indices) if len(labels) else columns.slice(0, 0).take(indices)
    symbols = pc.dictionary_encode(rows["symbol"].combine_chunks())
    codes = symbols.indices.to_numpy(zero_copy_only=False)
    bar_numbers = grid.table["place"].to_numpy()[place[on_grid]]
    keys = codes[on_grid].astype(np.int64) * (len(labels) + 1) + bar_numbers
    increasing = bool((np.diff(keys) > 0).all())
    repeats = not increasing and len(np.unique(keys)) < len(keys)
    names = symbols.dictionary.to_pylist()
    ascending = increasing and bool(on_grid.all()) and names == sorted(names)
    placed = rows.rename_columns(["label" if n == "ts" else n for n in rows.schema.names])
    for name in bars.schema.names:
        placed = placed.append_column(name, bars[name])
    return placed, RowOrder(ascending, repeats)
