"""One lake with a model that serves, for all tests that do not change it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from pipelines.lake import Lake
from pipelines.steps import refresh_features
from tests.serving.scoring.serving_models import HOURLY, SOURCE, api, environment, fill, serve


@pytest.fixture(scope="package")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API over a lake that no test may write to."""
    folder = tmp_path_factory.mktemp("lake")
    with environment(folder):
        with Lake() as lake:
            fill(lake)
            refresh_features(lake, HOURLY, SOURCE)
            serve(lake, folder)
        with api() as made:
            assert made.get("/model-info").is_success  # opens the lake of this folder, for good
            yield made
