"""A lake whose forecast has a model, so that runs can score without a training."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.core.settings import Settings
from tests import empty_lake, models
from tests.recent import HOURLY, NOW
from tests.steps.served import fresh_registry


@pytest.fixture
def trained(tmp_path: Path, lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake whose forecast has a model from long ago, with its file verified before."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    model = models.store_verified(fresh_registry(tmp_path), HOURLY, models.body(HOURLY))
    with empty_lake.create_lake(lake_settings) as lake:
        models.decide(lake, HOURLY, "sample", model, NOW - timedelta(days=300))
    return lake_settings
