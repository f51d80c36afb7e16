"""Bars in, signals out, in a real Airflow: ingest, train, score, and backfills of both kinds."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx
import pytest

from pipelines.core.settings import Settings
from pipelines.registry.mlflow import Registry, model_name
from pipelines.steps.lake import open_lake
from tests.integration.airflow_home import LINEAGE_FILE, Airflow
from tests.recent import (
    HOURLY,
    INGEST,
    SCORE,
    SESSIONS,
    TRAIN,
    WEEKS,
    all_rows,
    count_duplicates,
    forget_newest,
    format_time,
    list_bars,
    merge_spans,
    rows_of,
    run_notes,
)

ACTION_FORECAST = HOURLY.target_forecast()

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]
FIRST = SESSIONS[-1][0] - WEEKS
THEN = SESSIONS[-6][1]  # five sessions ago
SAMPLE = {"source": "sample", "universe": "qqq"}
SYMBOLS = 10


def run_to_success(airflow: Airflow, dag: str, **conf: Any) -> dict[str, Any]:
    run = airflow.run(dag, SAMPLE | conf, seconds=480)
    assert run["state"] == "success", airflow.log(run)
    return run


@pytest.fixture(scope="module")
def forecast(airflow: Airflow, shared_lake: Settings) -> dict[str, dict[str, Any]]:
    """Run all DAGs once; return the runs by what they did."""
    since = format_time(FIRST)
    return {
        "ingest": run_to_success(airflow, INGEST, start=since, end=format_time(THEN)),
        "train then": run_to_success(airflow, TRAIN, start=since, end=format_time(THEN)),
        "score since": run_to_success(
            airflow, SCORE, start=format_time(THEN), end=format_time(SESSIONS[-2][1])
        ),
        "train now": run_to_success(airflow, TRAIN, start=since),
        "score newest": run_to_success(airflow, SCORE),
    }


def test_every_run_succeeded_with_its_steps(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    for name, run in forecast.items():
        states = airflow.states(run)
        assert set(states.values()) == {"success"}, (name, states)
    for name in ("ingest", "score since", "score newest"):
        notes = run_notes(shared_lake, forecast[name]["dag_run_id"])
        assert notes, name
        assert {status for _, status, _ in notes} <= {"ok", "warned"}, notes


def test_each_step_sends_its_tables_with_their_columns_and_its_run(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    lines = (airflow.home / LINEAGE_FILE).read_text().splitlines()
    ended = [event for event in map(json.loads, lines) if event["eventType"] == "COMPLETE"]
    for dag, layers in ((INGEST, {"bronze", "silver"}), (TRAIN, {"gold"}), (SCORE, {"gold"})):
        events = [event for event in ended if event["job"]["name"].startswith(f"{dag}.")]
        tables = [table for event in events for table in event["outputs"]]
        assert {table["name"].partition(".")[0] for table in tables} >= layers, dag
        assert all(table["facets"]["schema"]["fields"] for table in tables)
        assert {table["namespace"] for table in tables} == {f"file://{shared_lake.lake_data}"}
        runs = {event["run"]["facets"]["airflow"]["dagRun"]["run_id"] for event in events}
        assert runs >= {r["dag_run_id"] for r in forecast.values() if r["dag_id"] == dag}


def test_each_bar_was_scored_by_the_model_of_its_time(
    forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    with open_lake(shared_lake, read_only=True) as lake:
        decisions = lake.rows(
            "SELECT as_of, model_version FROM gold.model_decisions ORDER BY as_of"
        )
        bars = lake.rows(
            """SELECT closes_at, count(DISTINCT symbol), min(model_version), max(model_version)
               FROM gold.predictions WHERE role = 'champion' GROUP BY closes_at ORDER BY 1"""
        )
    assert decisions[0][0] == THEN
    expected = merge_spans(list_bars("1h", THEN))
    assert [at for at, *_ in bars] == [close for _, close in expected], (
        "the bars that were missed are filled"
    )
    assert {count for _, count, *_ in bars} == {SYMBOLS}
    assert all(low == high == decisions[0][1] for *_, low, high in bars)
    assert count_duplicates(shared_lake) == dict.fromkeys(count_duplicates(shared_lake), 0)


def test_the_newest_signal_is_live_and_the_api_answers(
    forecast: dict[str, dict[str, Any]], shared_lake: Settings, api: httpx.Client
) -> None:
    newest = merge_spans(list_bars("1h", THEN))[-1][1]
    signals = [r for r in rows_of(shared_lake, "index_signals") if r["closes_at"] == newest]
    assert {row["universe"] for row in signals} == {c.universe for c in HOURLY.combinations}
    assert all(row["live"] for row in signals)
    assert not any(
        row["live"] for row in rows_of(shared_lake, "predictions") if row["closes_at"] != newest
    )
    answer = api.get("/bars/newest", params={"symbol": HOURLY.symbols[0]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["closes_at"] == format_time(newest)


def test_a_repeated_scoring_gives_the_same_rows_and_prints_its_time(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    """The time is printed and not asserted: other work of the machine counts in it."""
    rows, durations = all_rows(shared_lake), []
    for _ in range(3):
        forget_newest(shared_lake)
        run = run_to_success(airflow, SCORE, force=True)
        tasks = airflow.tasks(run)
        assert tasks["score"]["state"] == "success", "the bar was brought and scored anew"
        began = datetime.fromisoformat(run["queued_at"])
        durations.append(
            (datetime.fromisoformat(tasks["score"]["end_date"]) - began).total_seconds()
        )
        parts = {name: f"{task['duration'] or 0:.1f}" for name, task in tasks.items()}
        print(f"\n{durations[-1]:.1f} s from the trigger to the signal; seconds of tasks: {parts}")
    print(f"median {sorted(durations)[1]:.1f} s for {SYMBOLS} constituents")
    assert all_rows(shared_lake) == rows


def test_a_repeated_backfill_gives_the_same_rows_forwards_and_backwards(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    first, last = SESSIONS[-2][0], SESSIONS[-1][1]  # with a night between them
    expected = merge_spans(list_bars("1h", first, last))
    rows = all_rows(shared_lake)
    options = {"dag_run_conf": SAMPLE, "max_active_runs": 2}

    dry = airflow.backfill(
        SCORE, format_time(first), format_time(last), dry_run=True, **options
    ).json()
    assert dry["total_entries"] == len(expected)
    runs = airflow.wait_for_backfill(
        airflow.backfill(SCORE, format_time(first), format_time(last), **options)
    )
    assert [run["data_interval_start"] for run in runs] == [
        format_time(start) for start, _ in expected
    ]
    assert [run["data_interval_end"] for run in runs] == [format_time(end) for _, end in expected]
    assert {run["state"] for run in runs} == {"success"}
    assert all_rows(shared_lake) == rows
    print(f"\n{seconds(runs) / len(runs):.1f} s a run of a backfill")

    repeated = airflow.backfill(
        SCORE,
        format_time(first),
        format_time(last),
        reprocess_behavior="completed",
        run_backwards=True,
        **options,
    )
    assert {run["state"] for run in airflow.wait_for_backfill(repeated)} == {"success"}
    assert all_rows(shared_lake) == rows
    assert not any(count_duplicates(shared_lake).values())


def test_a_training_backfill_is_a_walk_forward_and_moves_no_alias_back(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    sessions = SESSIONS[-4:-2]
    options = {"dag_run_conf": SAMPLE, "reprocess_behavior": "completed"}
    answer = airflow.backfill(
        TRAIN,
        format_time(sessions[0][0]),
        format_time(sessions[-1][1]),
        run_backwards=True,
        **options,
    )
    assert answer.status_code == 422, answer.text
    assert "depends_on_past" in answer.text

    registry = Registry(f"sqlite:///{airflow.home}/mlflow.db")
    aliases_before = registry.alias_state(model_name(ACTION_FORECAST)).aliases
    runs = airflow.wait_for_backfill(
        airflow.backfill(
            TRAIN, format_time(sessions[0][0]), format_time(sessions[-1][1]), **options
        )
    )
    assert {run["state"] for run in runs} == {"success"}
    with open_lake(shared_lake, read_only=True) as lake:
        decisions = lake.rows(
            "SELECT model_version, as_of, verdict FROM gold.model_decisions "
            "WHERE verdict IN ('promoted', 'kept', 'refused') ORDER BY decided_at DESC"
        )
    newest = [at for _, at, _ in decisions[: len(sessions)]]
    assert newest == [close for _, close in reversed(sessions)], "in their order"
    # Today's sample decides whether a model passes; the order is the same in any case.
    trained_until = {version: at for version, at, _ in decisions}
    aliases = registry.alias_state(model_name(ACTION_FORECAST)).aliases
    assert all(
        trained_until[aliases[alias]] >= trained_until[version]
        for alias, version in aliases_before.items()
    )
    promoted = [(at, version) for version, at, verdict in decisions if verdict == "promoted"]
    assert aliases.get("Production") == (max(promoted)[1] if promoted else None)


def seconds(runs: list[dict[str, Any]]) -> float:
    """Return the seconds from the first start to the last end."""
    starts, ends = (
        [datetime.fromisoformat(run[end]) for run in runs] for end in ("start_date", "end_date")
    )
    return (max(ends) - min(starts)).total_seconds()
