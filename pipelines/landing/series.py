"""The calendar and grid of each series, kept in silver.series; read by pipelines.lake.series."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipelines.lake import Writer
from pipelines.landing.group import KEYED, Group


def record_series(writer: Writer, group: Group, symbols: Sequence[str]) -> None:
    """Record the calendar and grid of each series, where they are new or changed."""
    known = writer.rows(
        f"SELECT symbol, calendar, grid, split_adjusted FROM silver.series WHERE {KEYED}", group.key
    )
    current = (group.calendar, group.grid, group.split_adjusted)
    unchanged = {symbol for symbol, *row in known if tuple(row) == current}
    changed = [symbol for symbol in symbols if symbol not in unchanged]
    outdated = sorted({symbol for symbol, *_ in known}.intersection(changed))
    if changed:
        rows = pa.Table.from_pylist(
            [
                {
                    "source": group.source,
                    "symbol": symbol,
                    "interval": group.interval.name,
                    "calendar": group.calendar,
                    "grid": group.grid,
                    "split_adjusted": group.split_adjusted,
                }
                for symbol in changed
            ]
        )
        if outdated:
            where = f"{KEYED} AND symbol IN (SELECT unnest(?))"
            writer.delete("silver.series", where, [*group.key, outdated])
        writer.append("silver.series", rows)
