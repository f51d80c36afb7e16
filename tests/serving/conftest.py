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
from tests.serving import daily
from tests.serving.served import filled, made_once, served
from tests.serving.serving_models import HOURLY, SOURCE, api_client, environment, fill, serve


@pytest.fixture(scope="session")
def scored_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a lake with signals and predictions; no test may write to it."""
    return made_once(tmp_path_factory, "scored", filled)


@pytest.fixture(scope="module")
def api(scored_folder: Path) -> Iterator[TestClient]:
    """The API at night after the last session: the newest signal is live and not stale."""
    with served(scored_folder) as client:
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API with models of two forecasts, over a lake that no test may write to."""
    folder = made_once(tmp_path_factory, "served", _fill_with_models)
    with environment(folder), api_client() as client:
        assert client.get("/model-info").is_success  # opens the lake of this folder, for good
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a test's own lake and registry."""
    with environment(tmp_path):
        yield tmp_path


@pytest.fixture
def lake(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A test's own lake with bars, and no model."""
    shutil.copytree(
        made_once(tmp_path_factory, "bars", _fill_with_bars), folder, dirs_exist_ok=True
    )
    with open_lake() as own_lake:
        yield own_lake


def _fill_with_models(folder: Path) -> None:
    with environment(folder), open_lake() as lake:
        fill(lake)
        refresh_features(lake, HOURLY, SOURCE)
        serve(lake, folder)
        daily.say(lake, SOURCE)
        refresh_features(lake, daily.DAILY, SOURCE)
        daily.serve(lake, folder, SOURCE)


def _fill_with_bars(folder: Path) -> None:
    with environment(folder), open_lake() as lake:
        fill(lake)
