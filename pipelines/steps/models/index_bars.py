"""Read what the gate of an index's signal needs: bars of members and fund, and weights."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, calendar, next_closes
from pipelines.core.universes import Universe, universe
from pipelines.forecasts import TargetForecast
from pipelines.lake import View
from pipelines.lake.index_weights import read_weights
from pipelines.lake.series import series_calendar
from pipelines.scoring.index_evidence import IndexBars, build_index_bars


def read_index_bars(
    view: View, forecast: TargetForecast, source: str, start: datetime | None, end: datetime
) -> tuple[IndexBars, ...]:
    """Read the bars of each universe that the forecast combines, which closed in (start, end]."""
    return tuple(
        _read_universe(view, forecast, source, universe(rule.universe), start, end)
        for rule in forecast.combinations
    )


def _read_universe(
    view: View,
    forecast: TargetForecast,
    source: str,
    members: Universe,
    start: datetime | None,
    end: datetime,
) -> IndexBars:
    table = view.sql(
        """SELECT symbol, ts, closes_at, session, close FROM silver.bars
           WHERE source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))
             AND closes_at <= ? AND (CAST(? AS TIMESTAMPTZ) IS NULL OR closes_at > ?)
           ORDER BY ts, symbol""",
        [
            *(source, forecast.interval, [*members.symbols, members.fund]),
            *(end, start, start),
        ],
    )
    series = series_calendar(
        view, source, forecast.interval, members.symbols, forecast.schedule.calendar
    )
    ts = table["ts"].to_numpy().astype("datetime64[us]")
    later = next_closes(calendar(series.calendar), forecast.bar, series.grid, ts, 1)
    table = table.append_column("next_close_at", pa.array(later).cast(UTC_TYPE))
    symbol = np.array(table["symbol"].to_pylist(), dtype=object)
    is_fund = (symbol == members.fund) & (members.fund not in members.symbols)
    return build_index_bars(
        members,
        table.filter(pa.array(~is_fund)),
        table.filter(pa.array(is_fund)),
        read_weights(view, source, members),
    )
