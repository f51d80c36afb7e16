"""Every DAG is light to parse and tells the operator what it is; no server is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipelines.core.topics import topic_names
from pipelines.core.universes import universe_names
from pipelines.forecasts import FORECASTS
from pipelines.sources import sources_of
from tests.dags.parsed_dags import FILES, PLUGINS, ROOT

# NumPy is what features are written in; the forecasts that DAGs are made of name them.
HEAVY = {
    "pandas", "duckdb", "sklearn", "pyarrow", "mlflow", "great_expectations", "evidently",
    "exchange_calendars", "onnxruntime", "scipy", "matplotlib", "yfinance",
}  # fmt: skip


def test_every_forecast_has_its_dags_and_there_is_no_other(parsed: dict[str, Any]) -> None:
    kinds = ("ingest", "train", "score", "monitor")
    names = {f"{kind}_{forecast.name}" for kind in kinds for forecast in FORECASTS}
    names |= {f"score_streamed_{f.name}" for f in FORECASTS if f.interval == "1m"}
    names |= {f"ingest_news_{topic}" for topic in topic_names()}
    assert set(parsed["dags"]) == names | {"audit_lake", "lake_maintenance"}


def test_no_module_names_a_single_forecast() -> None:
    for path in (*FILES, *PLUGINS.glob("*.py"), *(ROOT / "pipelines").rglob("*.py")):
        if path.parent.name == "forecasts":
            continue
        text = path.read_text()
        for forecast in FORECASTS:
            assert f'"{forecast.name}"' not in text, path


def test_parsing_imports_nothing_heavy_and_connects_to_nothing(parsed: dict[str, Any]) -> None:
    assert HEAVY.isdisjoint(parsed["imported"])
    assert parsed["touched"] == []


def test_a_dag_file_is_wiring_only() -> None:
    long_files = {path.name for path in FILES if len(path.read_text().splitlines()) >= 60}
    assert not long_files


def test_every_dag_says_what_it_is(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        first_line = dag["doc_md"].partition("\n")[0]
        assert first_line.endswith("."), name
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


def test_a_parameter_offers_every_source_of_bars_and_universe(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        choices = {key: param["schema"].get("enum") for key, param in dag["params"].items()}
        if name in ("audit_lake", "lake_maintenance"):
            continue
        if name.startswith("ingest_news_"):
            assert dag["params"]["sources"]["schema"]["items"]["enum"] == list(sources_of("news"))
            continue
        assert choices["source"] == list(sources_of("bars"))
        if "universe" in choices:
            assert choices["universe"] == list(universe_names())


def test_every_schedule_is_described(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        schedule = parsed["dags"][f"score_{forecast.name}"]["schedule"]
        unit = f"{forecast.cadence} bar" if forecast.bar.intraday else "session"
        assert f"Each {unit} of {forecast.schedule.calendar}" in schedule
        assert "session of" in parsed["dags"][f"train_{forecast.name}"]["schedule"]


def test_a_universe_that_cannot_be_read_ends_the_import_error_with_a_sentence(
    tmp_path: Path,
) -> None:
    """Airflow shows the last lines of an import error: what is wrong, where, and what to do."""
    (tmp_path / "nasdaq100.csv").write_text("symbol,name,sector,from,to\n")
    process = subprocess.run(
        [sys.executable, str(ROOT / "dags" / "score_forecast.py")],
        cwd=tmp_path,
        env=os.environ
        | {
            "AIRFLOW_HOME": str(tmp_path),
            "BULLION_UNIVERSES": str(tmp_path),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{PLUGINS}",
        },
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    *_, message, hint = process.stderr.strip().splitlines()
    assert message.startswith("pipelines.core.errors.InvalidRequest: the forecast ")
    assert f"{tmp_path / 'nasdaq100.csv'} lists no members" in message
    assert hint.startswith("  Hint: ")
    assert "another exception" not in process.stderr
    assert "direct cause" not in process.stderr
