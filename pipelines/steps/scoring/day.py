"""The predictions and scores of the newest day, as MLflow gets them once a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.csv as csv

from pipelines.forecasts import TargetForecast
from pipelines.lake import View

# What was published live stands before what was scored later.
_NEWEST = """
    WITH series AS (SELECT * FROM {table} WHERE forecast = ? AND source = ? AND closes_at <= ?
                  AND {which} IN (SELECT unnest(?)))
    SELECT {columns} FROM series
    WHERE closes_at::DATE = (SELECT max(closes_at)::DATE FROM series)
    QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY live DESC) = 1
    ORDER BY closes_at, {key}
"""


@dataclass(frozen=True)
class Day:
    """The predictions of a day, and the WSS of each universe by bar."""

    predictions: pa.Table
    wss: tuple[tuple[str, datetime, float, float | None], ...]  # and the expected WSS

    @property
    def table(self) -> str:
        """Write the predictions as CSV."""
        out = pa.BufferOutputStream()
        csv.write_csv(self.predictions, out)
        return str(out.getvalue().to_pybytes(), "utf-8")


def newest_day(view: View, forecast: TargetForecast, source: str, at: datetime) -> Day:
    """Read the day of the newest bar that had closed by `at`, in UTC."""
    series = [forecast.name, source, at]
    predictions = view.sql(
        _NEWEST.format(
            table="gold.predictions",
            which="target",
            columns="symbol, ts, closes_at, timestamp_next, role, candidate, model_version, target,"
            " action, action_reason, likeliest, score, value, value_low, value_high,"
            " expected_score, confidence, proven, live, scored_at",
            key="symbol, ts, role, candidate",
        ),
        [*series, [forecast.target.name]],
    )
    signals = view.rows(
        _NEWEST.format(
            table="gold.index_signals",
            which="universe",
            columns="universe, closes_at, wss, expected_wss",
            key="universe, ts",
        ),
        [*series, [rule.universe for rule in forecast.combinations]],
    )
    return Day(predictions, tuple(signal for signal in signals if signal[2] is not None))
