"""News in a real Airflow: a range, a backfill, and a source that is down."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from pipelines.core.settings import Settings
from pipelines.steps.lake import open_lake
from tests.integration.airflow_home import Airflow
from tests.recent import INGEST, format_time

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
DAG = "ingest_news_sp500"
START = datetime(2026, 9, 1, 14, tzinfo=UTC)
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
SAMPLE = {"sources": ["sample"]}


def span(start: datetime, end: datetime) -> dict[str, Any]:
    return {"start": format_time(start), "end": format_time(end)}


def read_news(lake: Settings, start: datetime, end: datetime) -> dict[str, list[dict[str, Any]]]:
    """Read the stories and the windows of a span, but for when they were written."""
    with open_lake(lake, read_only=True) as reader:
        return {
            table: reader.sql(
                f"SELECT * EXCLUDE ({written}) FROM {table} WHERE source = 'sample' "
                f"AND {time} > ? AND {time} <= ? ORDER BY ALL",
                [start, end],
            ).to_pylist()
            for table, time, written in (
                ("silver.news", "known_at", "batch, received_at"),
                ("gold.news_signals", "window_end", "batch, computed_at"),
            )
        }


def wait_for_answer(api: httpx.Client, path: str, query: dict[str, str]) -> httpx.Response:
    """Ask again until there is an answer, for a minute at the most."""
    deadline = time.monotonic() + 60
    while (answer := api.get(path, params=query)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_run_brings_stories_and_signals_and_the_api_has_them(
    airflow: Airflow, shared_lake: Settings, api: httpx.Client
) -> None:
    run = airflow.run(DAG, SAMPLE | span(START, START + HOUR))
    assert run["state"] == "success", airflow.log(run)
    assert set(airflow.states(run).values()) == {"success"}
    rows = read_news(shared_lake, START, START + HOUR)
    assert [row["window_end"] for row in rows["gold.news_signals"]] == [
        START + n * QUARTER for n in range(1, 5)
    ]
    assert rows["gold.news_signals"][-1]["article_count"] == len(rows["silver.news"]) > 50
    query = span(START, START + HOUR + QUARTER) | {"topic": "sp500"}
    recent = api.get("/news/recent", params=query | {"limit": 500})
    assert recent.status_code == 200, recent.text
    assert len(recent.json()["rows"]) == len(rows["silver.news"])
    assert all(story["sentiment_model"] == "headlines" for story in recent.json()["rows"])
    signals = api.get("/news/signals", params=query).json()["rows"]
    assert [row["window_end"] for row in signals] == [
        format_time(START + n * QUARTER) for n in (4, 3, 2, 1)
    ]
    # It is answered from memory, which follows the lake a moment later.
    newest = wait_for_answer(api, "/news/signals/newest", {"topic": "sp500"})
    assert newest.json()["topic"] == "sp500"


def test_a_backfill_gives_the_same_rows_as_the_run_of_its_range(
    airflow: Airflow, shared_lake: Settings
) -> None:
    start, end = START + HOUR, START + 2 * HOUR
    options = {"dag_run_conf": SAMPLE, "max_active_runs": 2}
    first, last = format_time(start), format_time(end - QUARTER)
    runs = airflow.wait_for_backfill(airflow.backfill(DAG, first, last, **options))
    assert {run["state"] for run in runs} == {"success"}
    backfilled = read_news(shared_lake, start, end)
    assert len(backfilled["silver.news"]) > 50
    assert len(backfilled["gold.news_signals"]) >= 3
    options |= {"reprocess_behavior": "completed", "run_backwards": True}
    again = airflow.wait_for_backfill(airflow.backfill(DAG, first, last, **options))
    assert {run["state"] for run in again} == {"success"}
    assert read_news(shared_lake, start, end) == backfilled
    whole = airflow.run(DAG, SAMPLE | span(start, end))
    assert whole["state"] == "success", airflow.log(whole)
    rows = read_news(shared_lake, start, end)
    known = {row["window_end"] for row in backfilled["gold.news_signals"]}
    assert [row for row in rows["gold.news_signals"] if row["window_end"] in known] == backfilled[
        "gold.news_signals"
    ]


def test_a_source_that_is_down_stops_neither_the_others_nor_the_bars(
    airflow: Airflow, shared_lake: Settings
) -> None:
    """The list of feeds that Airflow sees has a port at which nobody listens."""
    start, end = START + 4 * HOUR, START + 5 * HOUR
    before = airflow.get(f"/dags/{INGEST}/dagRuns")["total_entries"]
    answer = airflow.trigger(DAG, {"sources": ["sample", "rss"], **span(start, end)})
    assert answer.is_success, answer.text
    run = airflow.wait_for_end(answer.json(), seconds=400)
    assert run["state"] == "failed"
    states = {
        (task["task_id"], task["map_index"]): task["state"]
        for task in airflow.get(f"/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances")[
            "task_instances"
        ]
    }
    assert states == {
        ("sources", -1): "success",
        ("stories", 0): "success",
        ("stories", 1): "failed",
        ("signals", -1): "success",
        ("complete", -1): "upstream_failed",
    }
    signals = read_news(shared_lake, start, end)["gold.news_signals"]
    assert len(signals) == 4
    assert signals[-1]["article_count"] > 50
    with open_lake(shared_lake, read_only=True) as lake:
        failed = lake.rows(
            "SELECT message FROM gold.runs WHERE run = ? AND source = 'rss'", [run["dag_run_id"]]
        )
    assert failed
    assert airflow.get(f"/dags/{INGEST}/dagRuns")["total_entries"] == before
