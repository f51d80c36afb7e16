"""The DAG that scores: a signal in time, and outcomes even where there was nothing to score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.forecasts import FORECASTS
from tests.dags.parsed_dags import list_steps, parse_dags

EVERY_QUARTER = """
from dataclasses import replace
from datetime import timedelta
from pipelines import forecasts
from pipelines.forecasts.target import Schedule
schedule = Schedule("US_INDEX_CFD", timedelta(seconds=5), every=timedelta(minutes=15))
forecasts.FORECASTS = (replace(forecasts.NVDA_5M, interval="1m", schedule=schedule),)
"""


def test_a_bar_is_ingested_scored_and_followed_up(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        dag = parsed["dags"][f"score_{forecast.name}"]
        assert list_steps(dag) == {"ingest": ["score"], "score": ["outcomes"], "outcomes": []}
        rules = {task["name"]: task["rule"] for task in dag["tasks"]}
        assert rules["score"] == "all_success"
        assert rules["outcomes"] == "none_failed", "a skipped score does not skip the outcomes"


def test_a_late_signal_has_a_deadline_in_this_dag_alone(parsed: dict[str, Any]) -> None:
    with_deadline = {name for name, dag in parsed["dags"].items() if dag["deadline"]}
    assert with_deadline == {f"score_{forecast.name}" for forecast in FORECASTS}


def test_a_run_covers_a_bar_or_what_the_schedule_says(
    parsed: dict[str, Any], tmp_path: Path
) -> None:
    schedules = {name: dag["schedule"] for name, dag in parsed["dags"].items()}
    for forecast in FORECASTS:
        unit = "session" if forecast.interval == "1d" else f"{forecast.cadence} bar"
        assert schedules[f"score_{forecast.name}"].startswith(f"Each {unit} of XNYS, ")
    dags = parse_dags(tmp_path, EVERY_QUARTER)["dags"]
    assert dags["score_nvda_5m"]["schedule"].startswith("Each 15m bar of US_INDEX_CFD, 5 s after")
    assert dags["train_nvda_5m"]["schedule"].startswith("Each session of US_INDEX_CFD, ")
