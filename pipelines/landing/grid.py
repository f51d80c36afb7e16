"""The stretch of calendar on which rows are judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE, Calendar, Grid, Interval
from pipelines.landing import judge as silver


def naive(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def aware(value: np.datetime64) -> datetime:
    instant: datetime = value.astype("datetime64[us]").item()
    return instant.replace(tzinfo=UTC)


def wide_grid(
    market: Calendar, interval: Interval, grid: Grid, low: datetime, high: datetime
) -> pa.Table:
    """Every label from REACH bars before `low` to REACH bars after `high`, with its bar.

    `place` numbers the bars, so that distance is counted in bars and not in hours; `near` is
    true where a row between `low` and `high` can decide on the bar.
    """
    if interval.minutes is not None:
        days = 12 + silver.REACH * interval.minutes // 200
    else:
        days = {"1d": 2, "1w": 8, "1mo": 32}[interval.name] * silver.REACH + 10
    reach = timedelta(days=days)
    made = market.bars(interval, low - reach, high + reach, grid)
    labels, place = _labels(market, interval, made.ts, made.session)
    inside = (labels >= naive(low)) & (labels <= naive(high))
    if inside.any():
        first, last = place[inside].min(), place[inside].max()
    else:  # no row names a bar: nothing is judged, and every row is rejected
        first = last = int(np.searchsorted(made.ts, naive(low)))
    kept = (place >= first - silver.REACH) & (place <= last + silver.REACH)
    labels, place = labels[kept], place[kept]
    return pa.table(
        {
            "label": pa.array(labels).cast(UTC_TYPE),
            "ts": pa.array(made.ts[place]).cast(UTC_TYPE),
            "closes_at": pa.array(made.closes_at[place]).cast(UTC_TYPE),
            "session": pa.array(made.session[place]),
            "place": pa.array(place, pa.int64()),
            "near": pa.array(place >= first),
        }
    )


def _labels(
    market: Calendar, interval: Interval, ts: np.ndarray, sessions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How sources name the bars: by their open, and from one day up by a date within."""
    if interval.intraday or not len(ts):
        return ts, np.arange(len(ts))
    days = np.arange(sessions[0], sessions[-1] + np.timedelta64(1, "D"))
    opens, found = market.opens_of(interval, days)
    place = np.minimum(np.searchsorted(ts, opens), len(ts) - 1)
    found &= ts[place] == opens
    return days[found].astype("datetime64[us]"), place[found]


@dataclass(frozen=True)
class Order:
    """How the rows came: in ascending order of symbol and bar, and whether a bar came twice."""

    ascending: bool
    repeats: bool


def on_grid(rows: pa.Table, grid: pa.Table) -> tuple[pa.Table, Order]:
    """Each row with the bar its time names, or none; and the order they came in."""
    labels = grid["label"].to_numpy()
    wanted = rows["ts"].to_numpy()
    place = np.minimum(np.searchsorted(labels, wanted), max(len(labels) - 1, 0))
    found = labels[place] == wanted if len(labels) else np.zeros(len(wanted), bool)
    taken = pa.array(np.where(found, place, 0), mask=~found)
    bars = grid.select(["ts", "closes_at", "session", "place"])
    placed = bars.take(taken) if len(labels) else bars.slice(0, 0).take(taken)
    symbols = pc.dictionary_encode(rows["symbol"].combine_chunks())
    codes = symbols.indices.to_numpy(zero_copy_only=False)
    keys = (
        codes[found].astype(np.int64) * (len(labels) + 1) + grid["place"].to_numpy()[place[found]]
    )
    climbs = bool((np.diff(keys) > 0).all())
    repeats = not climbs and len(np.unique(keys)) < len(keys)
    names = symbols.dictionary.to_pylist()
    order = Order(climbs and bool(found.all()) and names == sorted(names), repeats)
    labelled = rows.rename_columns(["label" if n == "ts" else n for n in rows.schema.names])
    for name in placed.schema.names:
        labelled = labelled.append_column(name, placed[name])
    return labelled, order
