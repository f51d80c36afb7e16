"""Lakes that the real steps wrote, and the API over them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.lake import Lake
from pipelines.steps import refresh_features
from pipelines.steps.lake import open_lake
from tests.build_once import build_once
from tests.serving import daily
from tests.serving.scored_api import api_at, build_folder
from tests.serving.serving_models import HOURLY, SOURCE, api_client, environment, fill, serve_model

SELDOM = "0.2"  # seconds between two looks, as in production: nobody writes to these lakes


@pytest.fixture(scope="session")
def scored_folder() -> Path:
    """The folder of a lake with signals and predictions; no test may write to it."""
    return build_once("scored", build_folder)


@pytest.fixture(scope="package")
def api(scored_folder: Path) -> Iterator[TestClient]:
    """The API at night after the last session: the newest signal is live and not stale."""
    with api_at(scored_folder, poll_seconds=SELDOM) as client:
        yield client


@pytest.fixture(scope="module")
def client_with_key(scored_folder: Path) -> Iterator[TestClient]:
    """The same API with the key `secret`, which this client does not send by itself."""
    with api_at(scored_folder, keys="secret", poll_seconds=SELDOM) as client:
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """The API with models of two forecasts, over a lake that no test may write to."""
    folder = build_once("served", _fill_with_models)
    with environment(folder), api_client() as client:
        assert client.get("/model-info").is_success  # opens the lake of this folder, for good
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a test's own lake and registry."""
    with environment(tmp_path):
        yield tmp_path


@pytest.fixture
def lake(folder: Path) -> Iterator[Lake]:
    """A test's own lake with bars, and no model."""
    shutil.copytree(build_once("bars", _fill_with_bars), folder, dirs_exist_ok=True)
    with open_lake() as own_lake:
        yield own_lake


def _fill_with_models(folder: Path) -> None:
    with environment(folder), open_lake() as lake:
        fill(lake)
        refresh_features(lake, HOURLY, SOURCE)
        serve_model(lake, folder)
        daily.write_bars(lake, SOURCE)
        refresh_features(lake, daily.DAILY, SOURCE)
        daily.serve_models(lake, folder, SOURCE)


def _fill_with_bars(folder: Path) -> None:
    with environment(folder), open_lake() as lake:
        fill(lake)
