"""The predictions and scores of the newest day, as MLflow gets them once a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.csv as csv

from pipelines.forecasts import TargetForecast
from pipelines.lake import View

RECENT = timedelta(days=40)  # no bar is longer
# What was published live stands before what was scored later.
_NEWEST_CLOSE = """
    SELECT max(closes_at) FROM {table} WHERE forecast = ? AND source = ?
    AND closes_at > ? AND closes_at <= ? AND {which} IN (SELECT unnest(?))
"""
_NEWEST = """
    SELECT {columns} FROM {table} WHERE forecast = ? AND source = ?
    AND closes_at >= ? AND closes_at <= ? AND {which} IN (SELECT unnest(?))
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
    targets = [forecast.target.name]
    universes = [rule.universe for rule in forecast.combinations]
    table, span = "gold.predictions", [forecast.name, source]
    predictions = view.sql(
        _NEWEST.format(
            table=table,
            which="target",
            columns="symbol, ts, closes_at, timestamp_next, role, candidate, model_version, target,"
            " action, action_reason, likeliest, score, value, value_low, value_high,"
            " expected_score, confidence, proven, live, scored_at",
            key="symbol, ts, role, candidate",
        ),
        [*span, *_day(view, table, "target", [*span, targets], at), targets],
    )
    table = "gold.index_signals"
    signals = view.rows(
        _NEWEST.format(
            table=table,
            which="universe",
            columns="universe, closes_at, wss, expected_wss",
            key="universe, ts",
        ),
        [*span, *_day(view, table, "universe", [*span, universes], at), universes],
    )
    return Day(predictions, tuple(signal for signal in signals if signal[2] is not None))


def _day(
    view: View, table: str, which: str, series: list[object], at: datetime
) -> tuple[datetime, datetime]:
    """Return from when until when to read: the UTC day of the newest close by `at`.

    It is looked for among the last weeks, and in all of history only where these have none.
    """
    query = _NEWEST_CLOSE.format(table=table, which=which)
    for since in (at - RECENT, datetime.min.replace(tzinfo=UTC)):
        newest: datetime | None = view.one(query, [*series[:2], since, at, series[2]])
        if newest is not None:
            day = newest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return day, newest
    return at, at - RECENT
