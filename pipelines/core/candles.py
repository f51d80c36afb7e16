"""Neighbouring bars joined to fewer, longer candles, for a chart of a long range."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

OF_FIRST = ("ts", "open")  # what a candle has of its first bar; all else is of its last


def join_bars(bars: pa.Table, most: int) -> pa.Table:
    """Join ascending bars of one series so that at most so many candles are left.

    Each candle but the last has the same number of bars, counted from the first one: while bars
    come in at the end, the candles before stay as they are. The column `bars` says how many.
    """
    count = bars.num_rows
    size = max(1, -(-count // most))
    firsts = np.arange(0, count, size)
    ends = np.minimum(firsts + size, count)
    candles = bars.take(ends - 1)
    if size > 1:
        for name in OF_FIRST:
            candles = _replace(candles, name, bars[name].take(firsts))
        highs = np.maximum.reduceat(bars["high"].to_numpy(), firsts)
        lows = np.minimum.reduceat(bars["low"].to_numpy(), firsts)
        volumes = bars["volume"].to_numpy()  # NaN where a bar has none
        has_volume = np.add.reduceat(~np.isnan(volumes), firsts, dtype=np.int64) > 0
        sums = np.add.reduceat(np.nan_to_num(volumes), firsts)
        candles = _replace(candles, "high", pa.array(highs))
        candles = _replace(candles, "low", pa.array(lows))
        candles = _replace(candles, "volume", pa.array(sums, mask=~has_volume))
    return candles.append_column("bars", pa.array(ends - firsts))


def _replace(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)
