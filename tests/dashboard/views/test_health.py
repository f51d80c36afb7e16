"""The page of the platform's work, over a real API, in each state."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.views.health import PARTS
from pipelines.steps.lake import open_lake
from tests.dashboard.screens import dashboard_settings, open_page, serve_lake, texts
from tests.servers.ports import free_port
from tests.serving.operation_rows import AT, rejected_row, run_row, write


@pytest.mark.usefixtures("dashboard")
def test_every_part_is_drawn_without_an_error() -> None:
    for part in PARTS:
        screen = open_page("health", part=part)
        assert not screen.exception, part
        assert not [e.value for e in screen.error if "could not be drawn" in e.value], part


@pytest.mark.usefixtures("dashboard")
def test_the_lake_is_as_large_as_the_api_says(api_address: str) -> None:
    lake = httpx.get(f"{api_address}/operations/lake").json()
    screen = open_page("health", part="Lake")
    assert f"{sum(row['rows'] for row in lake['rows']):,}" in texts(screen)
    table = screen.dataframe[-1].value
    assert list(table["table"]) == [row["table"] for row in lake["rows"]]
    assert list(table["rows"]) == [row["rows"] for row in lake["rows"]]


@pytest.mark.usefixtures("dashboard")
def test_steps_have_links_into_airflow(api_address: str) -> None:
    steps = httpx.get(f"{api_address}/operations/steps").json()["rows"]
    table = open_page("health").dataframe[-1].value
    assert len(table) == len(steps)
    assert any(link.endswith("/dags/train_nasdaq100_hourly") for link in table["dag"])


def test_what_failed_and_what_was_rejected_is_said_as_text(
    scored_folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    folder = tmp_path / "lake"
    shutil.copytree(scored_folder, folder)
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/catalog.sqlite")
    monkeypatch.setenv("BULLION_LAKE_DATA", f"{folder}/files")
    with open_lake() as lake:
        message = "<script>x</script> [a](javascript:1)"
        failed = run_row("ingest", "nasdaq100_hourly", "failed", message=message)
        late = run_row("monitor", "nasdaq100_hourly", finished_at=AT - timedelta(days=30))
        write(lake, "gold.runs", [failed, late])
        write(lake, "silver.quarantine", [rejected_row("NVDA", "high_low", AT)])
    with serve_lake(folder) as address, dashboard_settings(api=address, fresh_seconds="0"):
        screen = open_page("health", part="Quarantine")
    errors = [element.value for element in screen.error]
    assert any("Failed:" in text and "\\<script\\>" in text for text in errors)
    assert any("Late:" in text and "30 d" in text for text in errors)
    assert not any("](javascript" in text for text in errors)
    assert "high low" in list(screen.dataframe[-1].value["reason"])


def test_an_api_that_is_gone_is_a_sentence() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with dashboard_settings(api=address, fresh_seconds="0"):
        screen = open_page("health")
    assert not screen.exception
    assert address in texts(screen)


def test_a_lake_in_which_nothing_happened_says_what_to_do(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path}/catalog.sqlite")
    monkeypatch.setenv("BULLION_LAKE_DATA", f"{tmp_path}/files")
    with open_lake():
        pass
    with serve_lake(tmp_path) as address, dashboard_settings(api=address, fresh_seconds="0"):
        for part, words in (
            ("Runs", "Unpause the DAGs"),
            ("Checks", "ingest_nasdaq100_hourly"),
            ("Audit", "Nothing was audited yet"),
            ("Quarantine", "No row was rejected"),
            ("Gaps", "No bar is missing"),
            ("Quotas", "No request was counted"),
        ):
            screen = open_page("health", part=part)
            assert not screen.exception
            assert words in texts(screen), part
