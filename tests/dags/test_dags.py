"""Every DAG is light to parse and tells the operator what it is; no server is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.universes import universes
from pipelines.forecasts import FORECASTS
from pipelines.sources import SOURCES

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
PLUGINS = ROOT / "plugins"
# NumPy is what features are written in; the forecasts that DAGs are made of name them.
HEAVY = {
    "pandas", "duckdb", "sklearn", "pyarrow", "mlflow", "great_expectations", "evidently",
    "exchange_calendars", "onnxruntime", "scipy", "matplotlib", "yfinance",
}  # fmt: skip

# What Airflow itself imports for any DAG is not our doing, so it is done first.
PARSE = """
import json, runpy, sys
from airflow.sdk import DAG, Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

DAG("baseline", schedule=None)
before, made, touched = set(sys.modules), [], []
make = DAG.__init__
DAG.__init__ = lambda self, *args, **kwargs: (made.append(self), make(self, *args, **kwargs))[1]
outside = ("socket.connect", "sqlite3.connect", "subprocess.Popen")
sys.addaudithook(lambda event, _: event in outside and touched.append(event))
for path in sys.argv[1:]:
    runpy.run_path(path)
dags = {
    d.dag_id: {
        "doc_md": d.doc_md, "tags": sorted(d.tags), "catchup": d.catchup,
        "start": d.start_date.isoformat(), "runs": d.max_active_runs,
        "schedule": getattr(d.timetable, "description", ""),
        "params": {name: d.params.get_param(name).serialize() for name in d.params},
        "tasks": [
            {
                "owner": t.owner, "doc_md": t.doc_md, "retries": t.retries,
                "retry_delay": t.retry_delay.total_seconds(),
                "backoff": t.retry_exponential_backoff,
                "empty": type(t).__name__ == "EmptyOperator",
                "waits": t.depends_on_past and t.wait_for_downstream,
                "failure": bool(t.on_failure_callback),
                "timeout": t.execution_timeout and t.execution_timeout.total_seconds(),
            }
            for t in d.tasks
        ],
    }
    for d in made
}
imported = sorted({module.partition(".")[0] for module in set(sys.modules) - before})
print(json.dumps({"dags": dags, "imported": imported, "touched": touched}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "BULLION_"))}
    home = tmp_path_factory.mktemp("airflow")
    process = subprocess.run(
        [sys.executable, "-c", PARSE, *map(str, FILES)],
        cwd=home,
        env=inherited | {"AIRFLOW_HOME": str(home), "PYTHONPATH": f"{ROOT}{os.pathsep}{PLUGINS}"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    answer: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return answer


def test_every_forecast_has_its_dags_and_no_other_dag_is_made(parsed: dict[str, Any]) -> None:
    kinds = ("ingest", "train", "score", "monitor")
    expected = {f"{kind}_{forecast.name}" for kind in kinds for forecast in FORECASTS}
    assert set(parsed["dags"]) == expected | {"lake_maintenance"}


def test_no_dag_asks_for_a_forecast_by_name() -> None:
    for path in (*FILES, *PLUGINS.glob("*.py"), *(ROOT / "pipelines").rglob("*.py")):
        if path.parent.name == "forecasts":
            continue
        text = path.read_text()
        for forecast in FORECASTS:
            assert f'"{forecast.name}"' not in text, path


def test_parsing_imports_nothing_heavy_and_asks_nobody(parsed: dict[str, Any]) -> None:
    assert HEAVY.isdisjoint(parsed["imported"])
    assert parsed["touched"] == []


def test_a_dag_file_is_wiring_only() -> None:
    long = {path.name for path in FILES if len(path.read_text().splitlines()) >= 60}
    assert not long


def test_every_dag_says_what_it_is(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        first = dag["doc_md"].partition("\n")[0]
        assert first.endswith("."), name
        assert dag["tags"], name
        assert dag["catchup"] is False, name


def test_every_parameter_is_described_and_typed(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        for key, param in dag["params"].items():
            assert param["description"], (name, key)
            assert "type" in param["schema"], (name, key)


def test_every_task_has_an_owner_docs_retries_and_a_time_out(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        assert dag["tasks"], name
        for task in dag["tasks"]:
            assert task["owner"] == "bullion", name
            if task["empty"]:
                continue  # it does nothing that could fail
            assert task["doc_md"], name
            assert task["failure"], name
            assert task["retries"] >= 1, name
            assert task["retry_delay"] == 10, name
            assert task["backoff"] > 1, name  # True counts as 1: no backoff at all
            assert task["timeout"], name


def test_the_choices_offered_are_those_there_are(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        offered = {key: param["schema"].get("enum") for key, param in dag["params"].items()}
        if name == "lake_maintenance":
            continue
        assert offered["source"] == list(SOURCES)
        if "universe" in offered:
            assert offered["universe"] == list(universes())


def test_every_schedule_is_told_in_words(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        schedule = parsed["dags"][f"score_{forecast.name}"]["schedule"]
        each = f"{forecast.interval} bar" if forecast.bar.intraday else "session"
        assert f"Each {each} of {forecast.schedule.calendar}" in schedule
        assert "session of" in parsed["dags"][f"train_{forecast.name}"]["schedule"]


def test_trainings_run_one_at_a_time_and_forwards(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        dag = parsed["dags"][f"train_{forecast.name}"]
        assert dag["runs"] == 1
        assert any(task["waits"] for task in dag["tasks"])
