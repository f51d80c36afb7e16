"""Which DAG runs a step, and whether the step is late by the calendar of what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, calendar, interval_of
from pipelines.core.topics import topic_names
from pipelines.forecasts import Forecast
from pipelines.lake import View
from serving.state.answers import Row
from serving.state.cache import SignalCache

# The DAG of each step, by the name of the forecast or the topic.
FORECAST_DAGS = {
    "ingest": "ingest_{}",
    "train": "train_{}",
    "score": "score_{}",
    "outcomes": "score_{}",
    "monitor": "monitor_{}",
}
TOPIC_DAGS = {"ingest_news": "ingest_news_{}", "news_signals": "ingest_news_{}"}
LAKE_DAGS = {
    "compact": "lake_maintenance",
    "verify": "lake_maintenance",
    "audit": "audit_lake",
}
SESSION_STEPS = ("ingest", "train", "monitor")  # those that run after each session
SESSION_GRACE = timedelta(hours=3)  # from the session's close until such a step counts as late
SCHEMA = pa.schema(
    [
        ("step", pa.string()),
        ("source", pa.string()),
        ("about", pa.string()),
        ("dag", pa.string()),
        ("last_success", UTC_TYPE),
        ("age_minutes", pa.int64()),
        ("last_message", pa.string()),
        ("last_failure", UTC_TYPE),
        ("failure_message", pa.string()),
        ("failing", pa.bool_()),
        ("due_at", UTC_TYPE),
        ("late", pa.bool_()),
    ]
)
# A training that ends well is recorded by its decision; a move by hand is no training.
STEPS = """
    SELECT step, source, about,
           max(finished_at) FILTER (status <> 'failed') AS last_success,
           max(interval_end) FILTER (status <> 'failed') AS reached,
           arg_max(message, finished_at) FILTER (status <> 'failed') AS last_message,
           max(finished_at) FILTER (status = 'failed') AS last_failure,
           arg_max(message, finished_at) FILTER (status = 'failed') AS failure_message,
           arg_max(status, finished_at) = 'failed' AS failing
    FROM (
        SELECT step, source, about, status, interval_end, finished_at,
               coalesce(message, '') AS message
        FROM gold.runs
        UNION ALL
        SELECT 'train', source, forecast, 'ok', min(as_of), min(decided_at),
               target || ': version ' || model_version || ' ' || arg_min(verdict, decided_at)
        FROM gold.model_decisions GROUP BY source, forecast, target, model_version
    )
    GROUP BY step, source, about"""


def read_steps(view: View) -> pa.Table:
    """Read what each step last did, by what it is about."""
    return view.sql(STEPS)


def dag_of(step: str, about: str, forecasts: SignalCache) -> str | None:
    """Return the id of the DAG that runs a step; None where none is known."""
    if step in FORECAST_DAGS and about in forecasts.forecasts:
        return FORECAST_DAGS[step].format(about)
    if step in TOPIC_DAGS and about in topic_names():
        return TOPIC_DAGS[step].format(about)
    return LAKE_DAGS.get(step)


def describe_steps(recorded: pa.Table, state: SignalCache, now: float) -> pa.Table:
    """Return a row for each step that ran or should run: late ones first, then failing ones."""
    by_key = {(row["step"], row["source"], row["about"]): row for row in recorded.to_pylist()}
    for step in FORECAST_DAGS:
        for forecast in state.forecasts:
            key = (step, state.source, forecast)
            by_key.setdefault(key, dict(zip(("step", "source", "about"), key, strict=True)))
    rows = [_describe(row, state, now) for row in by_key.values()]
    rows.sort(key=lambda r: (not r["late"], not r["failing"], r["step"], r["about"], r["source"]))
    return pa.Table.from_pylist(rows, SCHEMA)


def _describe(row: Row, state: SignalCache, now: float) -> Row:
    success, reached = row.get("last_success"), row.get("reached")
    due_at, late = _due(row["step"], row["source"], row["about"], state, now, reached)
    return {name: row.get(name) for name in SCHEMA.names} | {
        "dag": dag_of(row["step"], row["about"], state),
        "age_minutes": success and max(0, int(now - success.timestamp()) // 60),
        "last_message": row.get("last_message") or None,
        "failure_message": row.get("failure_message") or None,
        "failing": bool(row.get("failing")),
        "due_at": due_at,
        "late": late,
    }


def _due(
    step: str, source: str, about: str, state: SignalCache, now: float, reached: datetime | None
) -> tuple[datetime | None, bool | None]:
    """Return what a step of the served data should have reached by now, and whether it has not."""
    newest = state.forecasts.get(about)
    if newest is None or source != state.source or reached is None:
        return None, None
    if step == "score":
        rows = newest.newest_rows.values()
        return min((row["stale_at"] for row in rows), default=None), newest.stale(now)
    if step not in SESSION_STEPS:
        return None, None
    due_at = _last_session_close(newest.forecast, datetime.fromtimestamp(now, UTC) - SESSION_GRACE)
    return due_at, due_at is not None and reached < due_at


def _last_session_close(forecast: Forecast, at: datetime) -> datetime | None:
    market = calendar(forecast.schedule.calendar)
    closes: datetime | None = next(
        iter(market.newest_closed(interval_of("1d"), at).closes_at.tolist()), None
    )
    return closes and closes.replace(tzinfo=UTC)
