"""The DAG that scores: a signal in time, and outcomes even where there was nothing to score."""

from __future__ import annotations

from typing import Any

from pipelines.forecasts import FORECASTS
from tests.dags.parsed_dags import list_steps


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
