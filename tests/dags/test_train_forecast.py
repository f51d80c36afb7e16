"""The DAG that trains: each stage is a task, in order, and never two runs at once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pipelines import jobs
from pipelines.forecasts import FORECASTS
from tests.dags.parsed_dags import list_steps

STAGES = ("features", "validate_gold", "train", "promote", "report", "ended")


def test_trainings_run_one_at_a_time_and_forwards(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        dag = parsed["dags"][f"train_{forecast.name}"]
        assert dag["runs"] == 1
        assert [task["name"] for task in dag["tasks"] if task["waits"]] == ["in_order"]


def test_the_stages_of_a_training_follow_each_other(parsed: dict[str, Any]) -> None:
    assert any(forecast.topics for forecast in FORECASTS)
    for forecast in FORECASTS:
        first = ["ingest", "news"] if forecast.topics else ["ingest"]
        middle = ["validate_bronze", *(["news_signals"] if forecast.topics else [])]
        steps = {"in_order": ["begun", "ended"], "begun": first, "ended": []}
        steps |= {name: ["validate_bronze"] for name in first}
        chain = [*middle, *STAGES]
        steps |= {name: [following] for name, following in pairwise(chain)}
        assert list_steps(parsed["dags"][f"train_{forecast.name}"]) == steps


def test_each_stage_says_what_its_job_says_of_itself(parsed: dict[str, Any]) -> None:
    sentences = {
        " ".join((getattr(jobs, name).__doc__ or "").split("\n\n")[0].split())
        for name in jobs.__all__
        if callable(getattr(jobs, name))
    }
    for forecast in FORECASTS:
        for task in parsed["dags"][f"train_{forecast.name}"]["tasks"]:
            assert task["empty"] or task["doc_md"] in sentences, task["name"]


def test_each_of_several_targets_is_a_task_of_its_own(parsed: dict[str, Any]) -> None:
    assert any(len(forecast.targets) > 1 for forecast in FORECASTS)
    for forecast in FORECASTS:
        tasks = {task["name"]: task for task in parsed["dags"][f"train_{forecast.name}"]["tasks"]}
        several = len(forecast.targets) > 1
        assert tasks["train"]["mapped"] == (list(forecast.target_names) if several else None)
        assert tasks["train"]["at_once"] == (1 if several else None), "on one machine one by one"
        assert not any(task["mapped"] for name, task in tasks.items() if name != "train")
