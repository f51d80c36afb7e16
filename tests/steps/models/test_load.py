"""Models are loaded for the bars that they serve; one whose file is lost is replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.instants import from_numpy
from pipelines.lake import Lake
from pipelines.registry.decisions import (
    ModelKey,
    ServingModel,
    read_decisions,
    serving_model_at,
)
from pipelines.registry.mlflow import Registry
from pipelines.steps.models import load as load_module
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


def test_decisions_are_asked_once_between_two_and_not_for_each_bar(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, as_of in enumerate((FIRST, SECOND), 1):
        model = models.store_verified(registry, HOURLY, models.body(HOURLY, version), version)
        models.decide(lake, HOURLY, "sample", model, as_of)
    at_first, at_second = (np.datetime64(at.replace(tzinfo=None), "us") for at in (FIRST, SECOND))
    minutes = np.arange(-600, 600) * np.timedelta64(1, "m")
    closes = np.unique(np.concatenate([at_first + minutes, at_second + minutes]))
    with lake.view() as view:
        decisions = read_decisions(view, FORECAST, "sample")
    expected: dict[int | None, list[np.datetime64]] = {}
    for close in closes:
        serving = serving_model_at(decisions, from_numpy(close))
        expected.setdefault(serving and serving.model_version, []).append(close)
    asked = []

    def ask(*arguments: object) -> ServingModel | None:
        asked.append(arguments[1])
        return serving_model_at(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(load_module, "serving_model_at", ask)
    served = list(load_models_of_bars(registry, FORECAST, decisions, closes, {}))
    assert len(asked) == 3
    by_version = {s.serving and s.serving.model_version: s.closes.tolist() for s in served}
    assert by_version == {v: np.array(bars).tolist() for v, bars in expected.items()}


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
