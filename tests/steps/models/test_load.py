"""Models are loaded for the bars that they serve; one whose file is lost is replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.registry.decisions import ModelKey, read_decisions
from pipelines.registry.mlflow import Registry
from pipelines.steps.models.load import ServedBars, load_models_of_bars
from tests import models
from tests.steps.served import HOURLY, fresh_registry

FORECAST = HOURLY.target_forecast()
FIRST, SECOND = utc("2026-08-03T12:00+00:00"), utc("2026-08-05T12:00+00:00")
CLOSES = np.array(["2026-08-02", "2026-08-04", "2026-08-06"], "datetime64[us]")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return fresh_registry(tmp_path / "mlflow")


def load(lake: Lake, registry: Registry, lost: dict[ModelKey, str]) -> list[ServedBars]:
    with lake.view() as view:
        decisions = read_decisions(view, FORECAST, "sample")
    return list(load_models_of_bars(registry, FORECAST, decisions, CLOSES, lost))


def versions(served: list[ServedBars]) -> list[tuple[int | None, int]]:
    return [(s.serving and s.serving.model_version, len(s.closes)) for s in served]


def test_each_bar_has_the_model_that_was_promoted_before_it(lake: Lake, registry: Registry) -> None:
    for version, as_of in enumerate((FIRST, SECOND), 1):
        model = models.store_verified(registry, HOURLY, models.body(HOURLY, version), version)
        models.decide(lake, HOURLY, "sample", model, as_of)
    lost: dict[ModelKey, str] = {}
    served = load(lake, registry, lost)
    assert versions(served) == [(None, 1), (1, 1), (2, 1)]
    assert [bars.model is None for bars in served] == [True, False, False]
    assert lost == {}


def test_the_champion_before_replaces_one_whose_file_is_lost(
    lake: Lake, registry: Registry
) -> None:
    good = models.store_verified(registry, HOURLY, models.body(HOURLY, 1), 1)
    models.decide(lake, HOURLY, "sample", good, FIRST)
    missing = replace(good, version=2, sha256="0" * 64)
    models.decide(lake, HOURLY, "sample", missing, SECOND)
    lost: dict[ModelKey, str] = {}
    served = load(lake, registry, lost)
    assert versions(served) == [(None, 1), (1, 1), (1, 1)]
    assert list(lost) == [(2, "0" * 64)]
    assert served[-1].serving is not None
    assert "version 2 cannot serve" in str(served[-1].serving.instead_of)


def test_a_champion_of_another_definition_is_an_error(lake: Lake, registry: Registry) -> None:
    model = models.store_verified(registry, HOURLY, models.body(HOURLY, definition="older"), 1)
    models.decide(lake, HOURLY, "sample", model, FIRST - timedelta(days=9), definition="older")
    with pytest.raises(InvalidRequest, match="trained on other features"):
        load(lake, registry, {})
