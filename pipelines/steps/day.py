"""What was said over the newest day that has any: what MLflow is told of it, once a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.csv as csv

from pipelines.forecasts import Forecast
from pipelines.lake import View

# What was published live stands before what was scored later.
_NEWEST = """
    SELECT {columns} FROM {table}
    WHERE forecast = ? AND source = ? AND closes_at <= ? AND closes_at::DATE = (
        SELECT max(closes_at)::DATE FROM {table}
        WHERE forecast = ? AND source = ? AND closes_at <= ?)
    QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY live DESC) = 1
    ORDER BY closes_at, {key}
"""


@dataclass(frozen=True)
class Day:
    """Each prediction as a table, and the WSS of each universe by bar."""

    predictions: pa.Table
    wss: tuple[tuple[str, datetime, float], ...]

    @property
    def table(self) -> str:
        """The predictions as CSV."""
        out = pa.BufferOutputStream()
        csv.write_csv(self.predictions, out)
        return str(out.getvalue().to_pybytes(), "utf-8")


def newest_day(view: View, forecast: Forecast, source: str, at: datetime) -> Day:
    """The day of the newest bar that had closed by then, in UTC."""
    asked = [forecast.name, source, at] * 2
    predictions = view.sql(
        _NEWEST.format(
            table="gold.predictions",
            columns="symbol, ts, closes_at, timestamp_next, role, candidate, model_version, action,"
            " score, expected_score, confidence, proven, live, scored_at",
            key="symbol, ts, role, candidate, target",
        ),
        asked,
    )
    signals = view.rows(
        _NEWEST.format(
            table="gold.index_signals", columns="universe, closes_at, wss", key="universe, ts"
        ),
        asked,
    )
    return Day(
        predictions, tuple((u, closes, wss) for u, closes, wss in signals if wss is not None)
    )
