"""The DAGs of a forecast with several targets, generated from its declaration."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pipelines.core.settings import Settings
from pipelines.forecasts import FORECASTS
from pipelines.steps.lake import open_lake
from tests.integration.airflow_home import Airflow, wait_for
from tests.recent import SESSIONS, format_time, run_notes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
FORECAST = next(f for f in FORECASTS if len(f.targets) > 1)
TRAIN, SCORE = (f"{kind}_{FORECAST.name}" for kind in ("train", "score"))
THEN = SESSIONS[-4][1]
SAMPLE = {"source": "sample"}


def run_to_success(airflow: Airflow, dag: str, **conf: Any) -> dict[str, Any]:
    run = airflow.run(dag, SAMPLE | conf, seconds=480)
    assert run["state"] == "success", airflow.log(run)
    assert set(airflow.states(run).values()) == {"success"}
    return run


@pytest.fixture(scope="module")
def runs(airflow: Airflow, shared_lake: Settings) -> dict[str, dict[str, Any]]:
    since = format_time(THEN - FORECAST.schedule.history)
    return {
        "train": run_to_success(airflow, TRAIN, start=since, end=format_time(THEN)),
        "score": run_to_success(airflow, SCORE, start=format_time(THEN)),
    }


def test_every_target_is_decided_on_and_predicted(
    runs: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    with open_lake(shared_lake, read_only=True) as lake:
        decisions = lake.rows(
            """SELECT target, as_of, proven, reason != '' FROM gold.model_decisions
               WHERE forecast = ? ORDER BY as_of, target""",
            [FORECAST.name],
        )
        predictions = lake.rows(
            """SELECT target, count(*), count(DISTINCT closes_at), count(action), count(value),
                      bool_and(closes_at > ?), bool_and(value_low < value AND value < value_high)
               FROM gold.predictions WHERE forecast = ? AND role = 'champion' GROUP BY target""",
            [THEN, FORECAST.name],
        )
    assert {target for target, *_ in decisions} == set(FORECAST.target_names)
    assert all(as_of == THEN and reason for _, as_of, _, reason in decisions)
    kinds = {target.name: target.label.kind for target in FORECAST.targets}
    bars = len([close for _, close in SESSIONS if close > THEN])
    for target, rows, closes, actions, values, later, inside in predictions:
        is_value = kinds.pop(target) == "value"
        assert (rows, closes, later) == (bars, bars, True)
        assert (actions, values, inside) == ((0, bars, True) if is_value else (bars, 0, None))
    assert not kinds


def test_the_api_answers_for_every_target(
    runs: dict[str, dict[str, Any]], api: httpx.Client
) -> None:
    wait_for(lambda: api.get("/health").json().get("snapshot"), 60, "the lake", str)
    answer = api.get(f"/forecasts/{FORECAST.name}/latest")
    assert answer.status_code == 200, answer.text
    for name in FORECAST.target_names:
        assert f'"{name}"' in answer.text
    assert format_time(SESSIONS[-1][1]) in answer.text


def test_a_backfill_of_trainings_is_a_walk_forward(
    airflow: Airflow, runs: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    first, last = SESSIONS[-2][0], SESSIONS[-1][1]
    options = {"dag_run_conf": SAMPLE, "reprocess_behavior": "completed"}
    backfill = airflow.backfill(TRAIN, format_time(first), format_time(last), **options)
    assert {run["state"] for run in airflow.wait_for_backfill(backfill)} == {"success"}
    with open_lake(shared_lake, read_only=True) as lake:
        decisions = lake.rows(
            """SELECT target, list(as_of ORDER BY decided_at) FROM gold.model_decisions
               WHERE forecast = ? GROUP BY target""",
            [FORECAST.name],
        )
    closes = [close for _, close in SESSIONS[-2:]]
    assert dict(decisions) == {name: [THEN, *closes] for name in FORECAST.target_names}


def test_a_failed_fetch_halts_before_features(airflow: Airflow, shared_lake: Settings) -> None:
    run = airflow.trigger(TRAIN, {"source": "yahoo"}).json()
    wait_for(
        lambda: airflow.states(run)["ingest"] == "up_for_retry", 120, "a failed try",
        airflow.output,
    )  # fmt: skip
    assert airflow.states(run)["features"] is None
    assert [step for step, *_ in run_notes(shared_lake, run["dag_run_id"])] == ["ingest"]
    airflow.end(run)
