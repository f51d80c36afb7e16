"""Faults while Airflow runs: they are logged and healed, and no row is lost or doubled."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.registry.mlflow import Registry, model_name
from pipelines.steps.lake import open_lake
from tests import models
from tests.integration.airflow_home import Airflow, wait_for
from tests.recent import (
    HOURLY,
    INGEST,
    MONTHS,
    NOW,
    SCORE,
    SESSIONS,
    TRAIN,
    count_duplicates,
    format_time,
    list_bars,
    merge_spans,
    rows_of,
    run_notes,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
HEALED_WITHIN = 90.0  # seconds
SYMBOLS = list(HOURLY.symbols[:3])
SPAN = {"start": format_time(SESSIONS[-9][0]), "end": format_time(SESSIONS[-7][1])}
BARS = 3 * 7  # at the most, of each symbol: a half-day has fewer


def start_ingest(airflow: Airflow, source: str) -> dict[str, Any]:
    answer = airflow.trigger(INGEST, {"source": source, "symbols": SYMBOLS, **SPAN})
    assert answer.is_success, answer.text
    run: dict[str, Any] = answer.json()
    return run


def wait_until_at_work(airflow: Airflow, run: dict[str, Any]) -> None:
    """Wait until a task of the run is running, in a process of its own."""
    wait_for(
        lambda: "running" in airflow.states(run).values() and "task" in airflow.task_processes(),
        120,
        "a running task",
        airflow.output,
    )


def check_healed(airflow: Airflow, lake: Settings, run: dict[str, Any], since: float) -> None:
    result = airflow.wait_for_end(run, seconds=480)
    print(f"\nover {time.monotonic() - since:.0f} s after the kill")
    assert result["state"] == "success", airflow.log(run)
    with open_lake(lake, read_only=True) as reader:
        rows = reader.rows(
            """SELECT symbol, ts, count(*) FROM silver.bars
               WHERE source = 'sample_noise' AND ts >= ? AND ts < ? GROUP BY 1, 2""",
            [SESSIONS[-9][0], SESSIONS[-7][1]],
        )
    expected = {*SYMBOLS, *HOURLY.funds}
    assert {symbol for symbol, *_ in rows} == expected
    assert {count for *_, count in rows} == {1}
    assert len({ts for _, ts, _ in rows}) * len(expected) == len(rows), "none is lost"
    assert len({ts for _, ts, _ in rows}) <= BARS


@pytest.mark.parametrize("victim", ["task", "worker"])
def test_a_killed_task_or_worker_is_retried(
    airflow: Airflow, shared_lake: Settings, victim: str
) -> None:
    run = start_ingest(airflow, "sample_noise")
    wait_until_at_work(airflow, run)
    since = time.monotonic()
    airflow.task_processes()[victim].kill()
    check_healed(airflow, shared_lake, run, since)


def test_a_restarted_scheduler_continues_the_run(airflow: Airflow, shared_lake: Settings) -> None:
    run = start_ingest(airflow, "sample_noise")
    wait_until_at_work(airflow, run)
    since = time.monotonic()
    airflow.kill("scheduler")
    airflow.restart("scheduler")
    check_healed(airflow, shared_lake, run, since)


def test_two_equal_runs_under_two_schedulers_write_each_row_once(
    airflow: Airflow, shared_lake: Settings
) -> None:
    with airflow.second("scheduler"):
        since = time.monotonic()
        for run in [start_ingest(airflow, "sample_noise") for _ in range(2)]:
            check_healed(airflow, shared_lake, run, since)


def test_a_source_that_is_down_stops_the_run_before_scoring(
    airflow: Airflow, shared_lake: Settings
) -> None:
    with open_lake(shared_lake, read_only=True) as lake:
        count = lake.rows("SELECT count(*) FROM silver.bars")
    run = airflow.trigger(SCORE, {"source": "yahoo", "symbols": SYMBOLS[:1]}).json()
    wait_for(
        lambda: airflow.states(run)["ingest"] == "up_for_retry", 120, "a failed try",
        airflow.output,
    )  # fmt: skip
    assert airflow.states(run)["score"] is None
    [(step, status, message)] = run_notes(shared_lake, run["dag_run_id"])
    assert (step, status) == ("ingest", "failed")
    assert "127.0.0.1" in message
    assert message.splitlines()[0] in airflow.log(run)
    airflow.end(run)
    with open_lake(shared_lake, read_only=True) as lake:
        assert lake.rows("SELECT count(*) FROM silver.bars") == count


def test_the_scoring_task_is_skipped_with_the_reason_where_no_model_is_trained(
    airflow: Airflow, shared_lake: Settings
) -> None:
    conf = {"source": "sample_noise", "symbols": SYMBOLS}
    run = airflow.run(SCORE, conf)
    assert run["state"] == "success", airflow.log(run)
    states = airflow.states(run)
    assert states["score"] == "skipped", "sample_noise has no model"
    assert "nothing was trained before" in airflow.log(run)
    notes = {step: message for step, _, message in run_notes(shared_lake, run["dag_run_id"])}
    assert "nothing was trained before" in notes["score"]
    assert not any(count_duplicates(shared_lake).values())


def test_a_killed_scoring_is_retried_and_writes_each_row_once(
    airflow: Airflow, shared_lake: Settings
) -> None:
    registry = Registry(f"sqlite:///{airflow.home}/mlflow.db")
    model = models.store_verified(registry, HOURLY, models.body(HOURLY))
    with open_lake(shared_lake) as lake:
        models.decide(lake, HOURLY, "sample_noise", model, SESSIONS[-20][1])
    conf = {"source": "sample_noise", "symbols": SYMBOLS, **SPAN}
    run = airflow.trigger(SCORE, conf).json()
    since = kill_task(airflow, run, "score")
    assert airflow.wait_for_end(run, seconds=480)["state"] == "success", airflow.log(run)
    print(f"\nover {time.monotonic() - since:.0f} s after the kill")
    rows = rows_of(shared_lake, "predictions", "source = 'sample_noise'")
    expected = {
        close for _, close in merge_spans(list_bars("1h", SESSIONS[-9][0], SESSIONS[-7][1]))
    }
    assert {row["closes_at"] for row in rows} >= expected
    assert not any(count_duplicates(shared_lake).values())


def test_a_killed_training_is_retried_and_decides_once(
    airflow: Airflow, shared_lake: Settings
) -> None:
    conf = {"source": "sample_noise", "symbols": SYMBOLS, "start": format_time(NOW - MONTHS)}
    run = airflow.trigger(TRAIN, conf).json()
    since = kill_task(airflow, run, "train")
    assert airflow.wait_for_end(run, seconds=400)["state"] == "success", airflow.log(run)
    print(f"\nover {time.monotonic() - since:.0f} s after the kill")
    with open_lake(shared_lake, read_only=True) as lake:
        decisions = lake.rows(
            "SELECT model_version FROM gold.model_decisions WHERE source = ? AND run_id <> ''",
            ["sample_noise"],
        )
    [(version,)] = decisions
    standing = Registry(f"sqlite:///{airflow.home}/mlflow.db").alias_state(
        model_name(HOURLY.target_forecast())
    )
    assert version in standing.aliases.values() or "Production" in standing.aliases


def kill_task(airflow: Airflow, run: dict[str, Any], task: str) -> float:
    """Kill the process of a task soon after its start; return when."""
    wait_for(
        lambda: airflow.states(run).get(task) == "running" and "task" in airflow.task_processes(),
        180, f"{task} at work", airflow.output,
    )  # fmt: skip
    airflow.task_processes()["task"].kill()
    return time.monotonic()
