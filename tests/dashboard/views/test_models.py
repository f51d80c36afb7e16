"""The page Models over a real API: one version's gates, evidence and decisions."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.dashboard.screens import dashboard_settings, open_page, serve_lake, texts
from tests.serving.daily import DAILY, NOT_PROVEN
from tests.serving.model_evidence import CANDIDATES, GATES
from tests.steps.scored_market import HOURLY


@pytest.mark.usefixtures("dashboard")
def test_the_page_shows_what_the_api_knows_of_the_version(api_address: str) -> None:
    screen = open_page("models", forecast=HOURLY.name)
    text = texts(screen)
    assert not screen.error
    assert not screen.exception
    path = f"{api_address}/forecasts/{HOURLY.name}"
    gates = httpx.get(f"{path}/gates").json()
    assert "Version 1" in text
    assert f"{gates['verdict']}**, unproven" in text
    assert "1 of 3 passed" in text
    tables = [table.value for table in screen.dataframe]
    assert tables[0]["reason"].tolist() == [gate["reason"] for gate in json.loads(GATES)]
    assert [name.replace(" ", "_") for name in tables[1]["candidate"]] == list(CANDIDATES)
    decisions = httpx.get(f"{path}/decisions?target=action").json()["rows"]
    assert tables[-1]["version"].tolist() == [row["model_version"] for row in decisions]
    drift = httpx.get(f"{path}/drift").json()["rows"]
    assert f"{sum(row['drifted'] for row in drift)} of {len(drift)} features drifted" in text


@pytest.mark.usefixtures("dashboard")
def test_the_links_lead_to_the_version_and_to_the_reports() -> None:
    text = texts(open_page("models", forecast=HOURLY.name))
    assert f"/#/models/{HOURLY.name}.action/versions/1)" in text
    assert "[Evidently's reports](http://127.0.0.1:8001)" in text


def test_without_addresses_there_are_no_links(api_address: str) -> None:
    with dashboard_settings(api=api_address, mlflow="", reports="javascript:alert(1)"):
        text = texts(open_page("models", forecast=HOURLY.name))
    assert "MLflow](" not in text
    assert "javascript" not in text


@pytest.mark.usefixtures("dashboard")
def test_a_model_without_evidence_gates_or_drift_says_why(api_address: str) -> None:
    value = DAILY.target_names[0]
    text = texts(open_page("models", forecast=DAILY.name, target=value))
    assert "trained before evidence was stored" in text
    assert "The decision has no gates." in text
    assert "No drift of this version was measured yet." in text
    assert "unproven" in text
    assert NOT_PROVEN[1:] in text


@pytest.mark.usefixtures("dashboard")
def test_before_a_training_the_page_says_how_to_train() -> None:
    screen = open_page("models", forecast="nvda_5m")
    assert "No model of action was trained yet. Trigger the DAG train_nvda_5m" in texts(screen)
    assert not screen.dataframe


def test_without_the_api_there_is_a_sentence_and_no_trace(scored_folder: Path) -> None:
    with serve_lake(scored_folder) as address:
        pass
    with dashboard_settings(api=address):
        screen = open_page("models")
    assert f"The API at {address} cannot be reached." in texts(screen)
    assert not screen.exception
