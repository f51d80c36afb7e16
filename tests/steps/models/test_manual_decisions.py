"""Decisions by hand: the model is verified, and the new row is a copy of its training's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.lake import Lake
from pipelines.registry.decisions import read_decisions
from pipelines.registry.mlflow import Registry, RegistryError
from pipelines.steps.models.manual_decisions import (
    UnfitModel,
    append_decisions,
    build_report,
    find_training_decision,
    verify_model,
)
from tests.steps.models.production import ACTION_FORECAST, NAME
from tests.steps.served import HOURLY, decisions_of, fresh_registry, train_model


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return fresh_registry(tmp_path / "mlflow")


def append(lake: Lake, verdict: str, reason: str) -> None:
    """Append a decision on the first model."""
    with lake.write("decide") as writer:
        rows = read_decisions(writer, ACTION_FORECAST, "sample")
        append_decisions(writer, ACTION_FORECAST, "sample", rows, [(rows[0], verdict, reason)])


def test_a_later_decision_copies_the_row_of_the_training(lake: Lake, registry: Registry) -> None:
    version = train_model(lake, registry, HOURLY, verdict="refused")
    before = datetime.now(UTC)
    append(lake, "promoted", "promoted by ann")
    append(lake, "withdrawn", "withdrawn by ann")
    copied = "model_version, proven, candidate, sha256, definition, snapshot, gates, run_id"
    assert len(set(decisions_of(lake, copied))) == 1
    rows = decisions_of(lake, "verdict", "reason", "as_of")
    assert [row[0] for row in rows] == ["refused", "promoted", "withdrawn"]
    assert rows[2][1] == "withdrawn by ann; its gates had said: refused by the gates", (
        "the reason of the training, not of the decision in between"
    )
    assert before <= rows[1][2].astimezone(UTC) < rows[2][2].astimezone(UTC)
    report = build_report(lake, ACTION_FORECAST, "sample", ["done"])
    assert (report.champion, report.messages) == (None, ("done",))
    assert version == 1


def test_a_refusal_has_the_instant_of_its_training(lake: Lake, registry: Registry) -> None:
    train_model(lake, registry, HOURLY)
    append(lake, "refused", "its alias was put back")
    first, last = decisions_of(lake, "as_of", "verdict")
    assert (first[0], last[1]) == (last[0], "refused")


def test_offline_a_verified_copy_is_enough(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = train_model(lake, registry, HOURLY)
    source, row = find_training_decision(lake, registry, ACTION_FORECAST, version)
    assert (source, row.model_version) == ("sample", version)
    registry.read_model(NAME, version, row.sha256)  # leaves a verified copy

    def down(*_: object, **__: object) -> None:
        raise RegistryError("MLflow cannot be used")

    monkeypatch.setattr(Registry, "version", down)
    verify_model(registry, ACTION_FORECAST, row, offline=True)
    with pytest.raises(RegistryError, match="MLflow cannot be used"):
        verify_model(registry, ACTION_FORECAST, row)


def test_a_version_with_another_file_than_the_decision_is_unfit(
    lake: Lake, registry: Registry
) -> None:
    version = train_model(lake, registry, HOURLY)
    registry.client.set_model_version_tag(NAME, str(version), "sha256", "0" * 64)
    with pytest.raises(UnfitModel, match="not trained on this lake, or its SHA-256 was changed"):
        find_training_decision(lake, registry, ACTION_FORECAST, version)
