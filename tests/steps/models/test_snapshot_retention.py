"""Snapshots of recent champions and of the newest trainings are retained."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.lake import Lake
from pipelines.registry.mlflow import PRODUCTION, model_name
from pipelines.steps.models import snapshot_retention
from pipelines.steps.models.moves import promote
from pipelines.steps.models.snapshot_retention import release_snapshots
from tests.steps.served import HOURLY, fresh_registry, train_model

ACTION_FORECAST = HOURLY.target_forecast()


def retained_versions(lake: Lake) -> set[int]:
    rows = lake.rows("SELECT reason FROM meta.kept_snapshots WHERE reason LIKE ?", [f"{NAME} %"])
    return {int(reason.rpartition(" ")[2]) for (reason,) in rows}


NAME = model_name(ACTION_FORECAST)


def test_recent_champions_and_the_newest_keep_their_snapshots(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_retention, "CHAMPIONS", 3)
    registry = fresh_registry(tmp_path / "mlflow")
    with lake.write() as writer:
        writer.touch("meta.kept_snapshots")
        writer.run("INSERT INTO meta.kept_snapshots VALUES (1, 'a study', now())")
    old = train_model(lake, registry, HOURLY)
    refused = train_model(lake, registry, HOURLY, day=1, verdict="refused")
    champions = [train_model(lake, registry, HOURLY, day=2 + n) for n in range(3)]
    newest = train_model(lake, registry, HOURLY, day=90, verdict="refused")
    version_of_yahoo = train_model(lake, registry, HOURLY, "yahoo", day=91)
    assert release_snapshots(lake) == sorted(f"{NAME} {version}" for version in (old, refused))
    assert retained_versions(lake) == {*champions, newest, version_of_yahoo}
    assert release_snapshots(lake) == []

    promote(lake, registry, ACTION_FORECAST, champions[1], PRODUCTION)
    assert release_snapshots(lake) == []
    assert retained_versions(lake) == {*champions, newest, version_of_yahoo}, (
        "the newest trained is Staging still"
    )
    assert lake.rows("SELECT count(*) FROM meta.kept_snapshots WHERE reason = 'a study'") == [(1,)]
