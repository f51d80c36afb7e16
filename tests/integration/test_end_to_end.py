"""Bars in, signals out, in a real Airflow: ingest, train, score, and backfills of both kinds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from pipelines.core.settings import Settings
from pipelines.registry.mlflow import Registry, model_name
from pipelines.steps.lake import open_lake
from tests.integration.airflow_home import Airflow
from tests.recent import (
    HOURLY,
    INGEST,
    MONTHS,
    SCORE,
    SESSIONS,
    TRAIN,
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
FIRST = SESSIONS[-1][0] - MONTHS
THEN = SESSIONS[-6][1]  # five sessions ago
SAMPLE = {"source": "sample", "universe": "qqq"}
SYMBOLS = 10


def succeeded(airflow: Airflow, dag: str, **conf: Any) -> dict[str, Any]:
    run = airflow.run(dag, SAMPLE | conf, within=240)
    assert run["state"] == "success", airflow.log(run)
    return run


@pytest.fixture(scope="module")
def forecast(airflow: Airflow, shared_lake: Settings) -> dict[str, dict[str, Any]]:
    """All of it once: the runs by what they did."""
    since = format_time(FIRST)
    return {
        "ingest": succeeded(airflow, INGEST, start=since, end=format_time(THEN)),
        "train then": succeeded(airflow, TRAIN, start=since, end=format_time(THEN)),
        "score since": succeeded(
            airflow, SCORE, start=format_time(THEN), end=format_time(SESSIONS[-2][1])
        ),
        "train now": succeeded(airflow, TRAIN, start=since),
        "score newest": succeeded(airflow, SCORE),
    }


def test_every_run_did_its_part(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    for what, run in forecast.items():
        states = airflow.states(run)
        assert set(states.values()) == {"success"}, (what, states)
    for what in ("ingest", "score since", "score newest"):
        said = run_notes(shared_lake, forecast[what]["dag_run_id"])
        assert said, what
        assert {status for _, status, _ in said} <= {"ok", "warned"}, said


def test_each_bar_was_scored_by_the_model_of_its_time(
    forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    with open_lake(shared_lake, read_only=True) as lake:
        decided = lake.rows("SELECT as_of, model_version FROM gold.model_decisions ORDER BY as_of")
        scored = lake.rows(
            """SELECT closes_at, count(DISTINCT symbol), min(model_version), max(model_version)
               FROM gold.predictions WHERE role = 'champion' GROUP BY closes_at ORDER BY 1"""
        )
    assert decided[0][0] == THEN
    due = merge_spans(list_bars("1h", THEN))
    assert [at for at, *_ in scored] == [close for _, close in due], "the missed ones are filled"
    assert {count for _, count, *_ in scored} == {SYMBOLS}
    assert all(low == high == decided[0][1] for *_, low, high in scored)
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


def test_from_the_trigger_to_the_signal(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    """A figure, and no bound: what else the machine does counts in it."""
    before, taken = all_rows(shared_lake), []
    for _ in range(5):
        forget_newest(shared_lake)
        run = succeeded(airflow, SCORE, force=True)
        tasks = airflow.tasks(run)
        assert tasks["score"]["state"] == "success", "the bar was brought and scored anew"
        began = datetime.fromisoformat(run["queued_at"])
        taken.append((datetime.fromisoformat(tasks["score"]["end_date"]) - began).total_seconds())
        parts = {name: f"{one['duration'] or 0:.1f}" for name, one in tasks.items()}
        print(f"\n{taken[-1]:.1f} s from the trigger to the signal; seconds of tasks: {parts}")
    print(f"median {sorted(taken)[2]:.1f} s for {SYMBOLS} constituents")
    assert all_rows(shared_lake) == before


def test_a_backfill_of_three_sessions_gives_the_same_rows_however_it_is_run(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    first, last = SESSIONS[-3][0], SESSIONS[-1][1]
    due = merge_spans(list_bars("1h", first, last))
    before = all_rows(shared_lake)
    asked = {"dag_run_conf": SAMPLE, "max_active_runs": 2}

    dry = airflow.backfill(
        SCORE, format_time(first), format_time(last), dry_run=True, **asked
    ).json()
    assert dry["total_entries"] == len(due)
    runs = airflow.backfilled(
        airflow.backfill(SCORE, format_time(first), format_time(last), **asked)
    )
    assert [run["data_interval_start"] for run in runs] == [format_time(start) for start, _ in due]
    assert [run["data_interval_end"] for run in runs] == [format_time(end) for _, end in due]
    assert {run["state"] for run in runs} == {"success"}
    assert all_rows(shared_lake) == before
    print(f"\n{seconds(runs) / len(runs):.1f} s a run of a backfill")

    again = airflow.backfill(
        SCORE,
        format_time(first),
        format_time(last),
        reprocess_behavior="completed",
        run_backwards=True,
        **asked,
    )
    assert {run["state"] for run in airflow.backfilled(again)} == {"success"}
    assert all_rows(shared_lake) == before
    assert not any(count_duplicates(shared_lake).values())


def test_a_training_backfill_is_a_walk_forward_and_moves_no_alias_back(
    airflow: Airflow, forecast: dict[str, dict[str, Any]], shared_lake: Settings
) -> None:
    some = SESSIONS[-5:-2]
    asked = {"dag_run_conf": SAMPLE, "reprocess_behavior": "completed"}
    refused = airflow.backfill(
        TRAIN, format_time(some[0][0]), format_time(some[-1][1]), run_backwards=True, **asked
    )
    assert refused.status_code == 422, refused.text
    assert "depends_on_past" in refused.text

    registry = Registry(f"sqlite:///{airflow.home}/mlflow.db")
    stood = registry.alias_state(model_name(ACTION_FORECAST)).aliases
    runs = airflow.backfilled(
        airflow.backfill(TRAIN, format_time(some[0][0]), format_time(some[-1][1]), **asked)
    )
    assert {run["state"] for run in runs} == {"success"}
    with open_lake(shared_lake, read_only=True) as lake:
        decided = lake.rows(
            "SELECT model_version, as_of, verdict FROM gold.model_decisions "
            "WHERE verdict IN ('promoted', 'kept', 'refused') ORDER BY decided_at DESC"
        )
    newest = [at for _, at, _ in decided[:3]]
    assert newest == [close for _, close in reversed(some)], "in their order"
    # Whether the sample of today lets a model through is not ours to say; the order is.
    trained = {version: at for version, at, _ in decided}
    stand = registry.alias_state(model_name(ACTION_FORECAST)).aliases
    assert all(trained[stand[alias]] >= trained[version] for alias, version in stood.items())
    passed = [(at, version) for version, at, verdict in decided if verdict == "promoted"]
    assert stand.get("Production") == (max(passed)[1] if passed else None)


def seconds(runs: list[dict[str, Any]]) -> float:
    """From the first start to the last end."""
    starts, ends = (
        [datetime.fromisoformat(run[end]) for run in runs] for end in ("start_date", "end_date")
    )
    return (max(ends) - min(starts)).total_seconds()
