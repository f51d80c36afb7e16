"""Which DAG runs a step, and by what instant a step counts as late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipelines.core.calendar import utc
from pipelines.forecasts import FORECASTS
from serving.state.cache import ForecastCache, SignalCache
from serving.state.steps import FORECAST_DAGS, SESSION_GRACE, dag_of, describe_steps

FORECAST = FORECASTS[0]
CLOSE = utc("2026-08-31T20:00+00:00")
DUE = CLOSE + SESSION_GRACE
EMPTY = ForecastCache(FORECAST, {}, {}, {}, {}, {}, {}, None, {})
STATE = SignalCache(1, "sample", sample=True, forecasts={FORECAST.name: EMPTY})


def recorded(reached: datetime | None, **more: Any) -> pa.Table:
    """What gold.runs says of the ingest of the forecast."""
    row = {
        "step": "ingest", "source": "sample", "about": FORECAST.name, "last_success": reached,
        "reached": reached, "last_message": "", "last_failure": None, "failure_message": None,
        "failing": False,
    }  # fmt: skip
    return pa.Table.from_pylist([row | more])


def described(table: pa.Table, at: datetime, state: SignalCache = STATE) -> dict[str, Any]:
    rows = describe_steps(table, state, at.timestamp()).to_pylist()
    step, about = table["step"][0].as_py(), table["about"][0].as_py()
    step_row: dict[str, Any] = next(r for r in rows if (r["step"], r["about"]) == (step, about))
    return step_row


@pytest.mark.parametrize(
    ("reached", "at", "late"),
    [
        (CLOSE, DUE + timedelta(hours=1), False),
        (CLOSE - timedelta(minutes=1), DUE - timedelta(minutes=1), False),
        (CLOSE - timedelta(minutes=1), DUE + timedelta(minutes=1), True),
        (None, DUE + timedelta(hours=1), None),
    ],
)
def test_a_step_of_a_session_is_late_three_hours_after_its_close(
    reached: datetime | None, at: datetime, late: bool | None
) -> None:
    row = described(recorded(reached), at)
    assert row["late"] is late
    if reached:
        is_due = at >= DUE
        assert row["due_at"] == (CLOSE if is_due else utc("2026-08-28T20:00+00:00"))


def test_a_backfill_of_the_past_does_not_hide_that_a_step_is_late() -> None:
    past = recorded(CLOSE - timedelta(days=9), last_success=DUE)
    assert described(past, DUE + timedelta(minutes=1))["late"] is True


def test_a_weekend_makes_nothing_late() -> None:
    friday = utc("2026-08-28T20:00+00:00")
    assert described(recorded(friday), CLOSE - timedelta(hours=8))["late"] is False


def test_steps_of_another_source_or_of_no_forecast_follow_no_calendar() -> None:
    for more in ({"source": "yahoo"}, {"about": "companion GLD 1d"}, {"step": "withdraw"}):
        row = described(recorded(CLOSE - timedelta(days=9), **more), DUE)
        assert (row["late"], row["due_at"]) == (None, None)


def test_scoring_is_late_when_its_signal_is_stale() -> None:
    row = {"ts": CLOSE, "stale_at": DUE}
    newest = replace(EMPTY, predictions={"NVDA": {FORECAST.target_names[0]: row}})
    state = replace(STATE, forecasts={FORECAST.name: newest})
    table = recorded(CLOSE, step="score")
    assert described(table, DUE - timedelta(minutes=1), state)["late"] is False
    assert described(table, DUE + timedelta(minutes=1), state)["late"] is True
    assert described(table, DUE, state)["due_at"] == DUE


def test_late_steps_come_first_then_those_that_fail() -> None:
    late = recorded(CLOSE - timedelta(days=9))
    failing = recorded(CLOSE, step="withdraw", failing=True)
    rows = describe_steps(pa.concat_tables([failing, late]), STATE, DUE.timestamp() + 60)
    assert rows["step"].to_pylist()[:2] == ["ingest", "withdraw"]
    assert set(rows["step"].to_pylist()) >= set(FORECAST_DAGS)


def test_ages_are_whole_minutes() -> None:
    row = described(recorded(CLOSE), CLOSE + timedelta(seconds=119))
    assert row["age_minutes"] == 1


@pytest.mark.parametrize(
    ("step", "about", "dag"),
    [
        ("ingest", FORECAST.name, f"ingest_{FORECAST.name}"),
        ("outcomes", FORECAST.name, f"score_{FORECAST.name}"),
        ("news_signals", "sp500", "ingest_news_sp500"),
        ("compact", "lake", "lake_maintenance"),
        ("audit", "lake", "audit_lake"),
        ("ingest", "fund QQQ 1h", None),
        ("withdraw", FORECAST.name, None),
        ("ingest_news", "../x", None),
    ],
)
def test_a_step_is_run_by_the_dag_of_its_forecast_or_topic(
    step: str, about: str, dag: str | None
) -> None:
    assert dag_of(step, about, STATE) == dag
