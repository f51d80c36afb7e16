"""A lake with a model that serves, for all tests that do not change it, and lakes that may."""

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
from tests.serving.served import made_once
from tests.serving.serving_models import HOURLY, SOURCE, api, environment, fill, serve


def _served(folder: Path) -> None:
    with environment(folder), open_lake() as lake:
        fill(lake)
        refresh_features(lake, HOURLY, SOURCE)
        serve(lake, folder)
        daily.say(lake, SOURCE)
        refresh_features(lake, daily.DAILY, SOURCE)
        daily.serve(lake, folder, SOURCE)


def _filled(folder: Path) -> None:
    with environment(folder), open_lake() as lake:
        fill(lake)


@pytest.fixture(scope="package")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API over a lake that no test may write to."""
    with environment(made_once(tmp_path_factory, "served", _served)), api() as made:
        assert made.get("/model-info").is_success  # opens the lake of this folder, for good
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a test's own lake is to be."""
    with environment(tmp_path):
        yield tmp_path


@pytest.fixture
def lake(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of its own with bars, and no model."""
    shutil.copytree(made_once(tmp_path_factory, "bars", _filled), folder, dirs_exist_ok=True)
    with open_lake() as made:
        yield made
