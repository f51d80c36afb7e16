"""The report of a training says what was decided, each gate, and the ranking."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.core.calendar import utc
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.models.newest_training import read_newest_training
from tests import models
from tests.empty_lake import lake_of_a_module
from tests.serving.model_evidence import GATES, write_evidence
from tests.steps.scored_market import HOURLY

TARGET = HOURLY.target_forecast()


@pytest.fixture(scope="module")
def shared_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


def test_the_newest_decision_is_described(
    shared_lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    registry = Registry(folder=tmp_path_factory.mktemp("mlflow"))
    model = models.store_verified(registry, HOURLY, models.body(HOURLY))
    trained = utc("2026-08-11")
    models.decide(
        shared_lake, HOURLY, "sample", model, trained, proven=False, reason="no skill", gates=GATES
    )
    write_evidence(shared_lake, HOURLY, "sample", model, trained)
    with shared_lake.view() as view:
        newest = read_newest_training(view, TARGET, "sample")
    assert newest
    text = newest.describe()
    assert "promoted" in text
    assert "no skill" in text
    for gate in newest.gates:
        assert f"gate {gate['gate']}" in text
    assert [row["rank"] for row in newest.ranking] == sorted(r["rank"] for r in newest.ranking)
    assert f"1. {newest.ranking[0]['candidate']}: " in text


def test_without_a_training_there_is_nothing_to_report(shared_lake: Lake) -> None:
    with shared_lake.view() as view:
        assert read_newest_training(view, TARGET, "yahoo") is None
