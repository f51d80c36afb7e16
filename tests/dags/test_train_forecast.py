"""The DAG that trains: bars, features and the training, and never two runs at once."""

from __future__ import annotations

from typing import Any

from pipelines.forecasts import FORECASTS
from tests.dags.parsed_dags import list_steps


def test_trainings_run_one_at_a_time_and_forwards(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        dag = parsed["dags"][f"train_{forecast.name}"]
        assert dag["runs"] == 1
        assert [task["name"] for task in dag["tasks"] if task["waits"]] == ["in_order"]


def test_a_training_comes_after_its_bars_and_features(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        assert list_steps(parsed["dags"][f"train_{forecast.name}"]) == {
            "in_order": ["begun", "ended"],
            "begun": ["ingest"],
            "ingest": ["features"],
            "features": ["train"],
            "train": ["ended"],
            "ended": [],
        }
