"""Check of an audit: the newest features, computed in one go, are those that grew bar by bar."""

from __future__ import annotations

import pyarrow as pa

from pipelines.core.calendar import utc
from pipelines.lake import View
from pipelines.steps.data.features import recompute_features
from pipelines.steps.proof.differences import Findings, find_differences
from pipelines.steps.proof.draw import MOST_SYMBOLS, DrawnSeries

NEWEST = 1_000  # bars of each symbol


def check_increments(view: View, series: DrawnSeries) -> Findings:
    """Recompute the newest rows of some symbols in one piece, their outcomes included."""
    declared = series.forecast
    symbols = sorted({s for bar in series.bars for s in bar.predictions["symbol"].to_pylist()})
    symbols = symbols[:MOST_SYMBOLS]
    names = [name for name in declared.table.column_names if name not in ("batch", "source")]
    listed = ", ".join(f'"{name}"' for name in names)
    stored = view.sql(
        f"""SELECT {listed} FROM {declared.table.full_name}
            WHERE source = ? AND symbol IN (SELECT unnest(?))
            QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY ts DESC) <= ?""",
        [series.source, symbols, NEWEST],
    )
    if not stored.num_rows:
        return Findings()
    times = sorted(stored["ts"].to_pylist())
    there = sorted(set(stored["symbol"].to_pylist()))
    again = recompute_features(
        view, declared, series.source, there, utc(times[0]), utc(times[-1])
    ).select(names)
    key = ["symbol", "ts"]
    again = again.join(stored.select(key), key, join_type="left semi").select(names)
    again, stored = (_sorted(table.cast(stored.schema)) for table in (again, stored))
    if again.equals(stored):  # mostly; a NaN would be found below
        return Findings(stored.num_rows)
    table = declared.table.full_name
    differences = find_differences(table, stored, again, key)
    return Findings(stored.num_rows, 0, [f"{d} (computed in one go)" for d in differences])


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by([("symbol", "ascending"), ("ts", "ascending")]).combine_chunks()
