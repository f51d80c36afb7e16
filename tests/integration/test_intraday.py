"""Minutes with news through a real Airflow: each stage of a training, then a day of scoring."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from pipelines.core.calendar import calendar
from pipelines.core.intervals import interval_of
from pipelines.core.settings import Settings
from pipelines.forecasts import SP500_INTRADAY
from pipelines.steps.lake import open_lake
from tests.integration.airflow_home import Airflow, wait_for
from tests.recent import NOW, format_time, merge_spans, run_notes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2400)]
FORECAST = SP500_INTRADAY
TRAIN, SCORE = (f"{kind}_{FORECAST.name}" for kind in ("train", "score"))
SAMPLE = {"source": "sample"}
DAYS = merge_spans(
    calendar(FORECAST.schedule.calendar).closed_bars(
        interval_of("1d"), NOW - timedelta(days=45), NOW
    )
)
OPEN, CLOSE = DAYS[-1]  # of the newest session, which is scored
THEN = DAYS[-2][1]
SINCE = THEN - timedelta(days=65)


def run_to_success(airflow: Airflow, dag: str, **conf: Any) -> dict[str, Any]:
    run = airflow.run(dag, SAMPLE | conf, seconds=900)
    assert run["state"] == "success", airflow.log(run)
    return run


@pytest.fixture(scope="module")
def runs(airflow: Airflow, shared_lake: Settings) -> dict[str, dict[str, Any]]:
    return {
        "train": run_to_success(airflow, TRAIN, start=format_time(SINCE), end=format_time(THEN)),
        "score": run_to_success(airflow, SCORE, start=format_time(OPEN), end=format_time(CLOSE)),
    }


def rows(lake: Settings, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with open_lake(lake, read_only=True) as opened:
        return opened.rows(query, list(parameters))


def test_each_stage_of_the_training_succeeded(
    airflow: Airflow, runs: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    states = airflow.states(runs["train"])
    stages = "news ingest validate_bronze news_signals features validate_gold train promote report"
    assert {name: states[name] for name in stages.split()} == dict.fromkeys(
        stages.split(), "success"
    )
    notes = run_notes(shared_lake, runs["train"]["dag_run_id"])
    assert {"ingest", "ingest_news", "news_signals"} <= {step for step, *_ in notes}
    decisions = rows(
        shared_lake,
        "SELECT target, as_of, reason <> '' FROM gold.model_decisions WHERE forecast = ?",
        FORECAST.name,
    )
    assert {target for target, *_ in decisions} == set(FORECAST.target_names)
    assert all(as_of == THEN and reason for _, as_of, reason in decisions)
    ranked = rows(
        shared_lake,
        "SELECT target, count(*), count(failure) FROM gold.model_rankings WHERE forecast = ? "
        "GROUP BY target",
        FORECAST.name,
    )
    assert {target: (count, failures) for target, count, failures in ranked} == {
        target.name: (len(target.candidates), 0) for target in FORECAST.targets
    }


def test_the_news_were_joined_as_they_were_known(
    runs: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    [(bars, with_news)] = rows(
        shared_lake,
        f"""SELECT count(*), count(*) FILTER (has_news_sp500_avg_sentiment > 0)
            FROM {FORECAST.table.full_name} WHERE closes_at > ?""",
        SINCE + timedelta(days=1),
    )
    assert with_news > 0.9 * bars > 5_000
    late = rows(
        shared_lake,
        "SELECT count(*) FROM gold.news_signals WHERE topic = 'sp500' AND known_at < window_end",
    )
    assert late == [(0,)]


def test_a_day_was_scored_minute_by_minute_in_one_run(
    runs: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    expected = calendar(FORECAST.schedule.calendar).closed_bars(FORECAST.bar, OPEN, CLOSE)
    for target, count, first, last in rows(
        shared_lake,
        """SELECT target, count(*), min(closes_at), max(closes_at) FROM gold.predictions
           WHERE forecast = ? AND role = 'champion' AND closes_at > ? GROUP BY target""",
        FORECAST.name,
        OPEN,
    ):
        assert count > 0.95 * len(expected), target
        assert first - OPEN < timedelta(hours=1)
        assert last == CLOSE
    stamps = [
        at
        for (at,) in rows(
            shared_lake,
            """SELECT DISTINCT closes_at FROM gold.predictions
               WHERE forecast = ? AND closes_at > ? ORDER BY 1""",
            FORECAST.name,
            OPEN,
        )
    ]
    assert {b - a for a, b in pairwise(stamps)} == {timedelta(minutes=1)}


def test_the_api_answers_with_every_target(
    runs: dict[str, dict[str, Any]], api: httpx.Client
) -> None:
    wait_for(lambda: api.get("/health").json().get("snapshot"), 60, "the lake", str)
    answer = api.get(f"/forecasts/{FORECAST.name}/latest")
    assert answer.status_code == 200, answer.text
    for name in FORECAST.target_names:
        assert f'"{name}"' in answer.text
    assert format_time(CLOSE) in answer.text
