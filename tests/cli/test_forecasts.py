"""The commands on forecasts as their user meets them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.core.calendar import interval_of
from pipelines.core.universes import universe
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.sources.sample import Sample
from pipelines.steps import ingest, ingest_weights
from tests.commands import Bullion
from tests.steps.served import HOURLY, START, train_model

ACTION_FORECAST = HOURLY.target_forecast()


NAME = HOURLY.name


def test_run_trains_where_it_is_due_scores_and_follows_up(
    bullion: Bullion, lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    symbols, end = universe("qqq").symbols, START + timedelta(days=1)
    ingest(lake, Sample(), symbols, interval_of("1h"), START - timedelta(days=15), end)
    ingest_weights(lake, Sample(), "qqq", as_of=end)
    versions = []

    class Report:
        def summary(self) -> str:
            return "trained"

    def train(lake: Lake, registry: Registry, *_: object, **__: object) -> Report:
        versions.append(train_model(lake, registry, HOURLY, day=-3 + 6 * len(versions)))
        return Report()

    monkeypatch.setattr("pipelines.steps.models.train.train", train)
    code, out, err = bullion("run", NAME)
    assert code == 0, err
    assert "training nasdaq100_hourly.action, as no model of these features and this label" in out
    assert "features: all of it" in out
    _, out, _ = bullion("run", NAME)
    assert "training nasdaq100_hourly.action, as the newest is 2 sessions old" in out
    _, out, _ = bullion("run", NAME)
    assert "training" not in out
    assert versions == [1, 2]

    at = (START - timedelta(hours=1)).isoformat()
    code, out, err = bullion("score", NAME, "--at", at)
    assert code == 0, err
    assert "scored 10 by action version 1" in out
    code, out, err = bullion("outcomes", NAME)
    assert code == 0, err
