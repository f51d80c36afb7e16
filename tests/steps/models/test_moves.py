"""Promotion and rollback: the decision is written first, and the alias follows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.lake import Lake
from pipelines.registry.decisions import read_decisions, serving_model_at
from pipelines.registry.mlflow import PRODUCTION, STAGING, Registry, RegistryError
from pipelines.steps.models.aliases import reconcile
from pipelines.steps.models.manual_decisions import END_OF_TIME
from pipelines.steps.models.moves import promote, rollback
from tests.steps.models.production import ACTION_FORECAST, NAME, alias, champion
from tests.steps.served import HOURLY, decisions_of, fresh_registry, spoil, tiny_model, train_model


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return fresh_registry(tmp_path / "mlflow")


def test_a_promotion_is_a_copy_of_its_training_and_moves_the_alias(
    lake: Lake, registry: Registry
) -> None:
    old, new = (train_model(lake, registry, HOURLY, day=day) for day in (0, 1))
    before = datetime.now(UTC)
    report = promote(lake, registry, ACTION_FORECAST, old, PRODUCTION, by="ann")
    assert report.champion == champion(lake) == alias(registry) == old
    copied = "model_version, proven, candidate, sha256, definition, snapshot, gates, run_id"
    first, _, last = decisions_of(lake, copied)
    assert first == last
    verdict, reason, as_of = decisions_of(lake, "verdict", "reason", "as_of")[-1]
    assert verdict == "promoted"
    assert reason == f"version {old} was promoted by ann; its gates had said: promoted by the gates"
    assert as_of.astimezone(UTC) >= before
    assert registry.version(NAME, new).tags["archived"] == "true"
    assert registry.version(NAME, old).tags["archived"] == "false"

    assert promote(lake, registry, ACTION_FORECAST, old, PRODUCTION).champion == old
    assert len(decisions_of(lake, "verdict")) == 3, "the same promotion again is no second decision"


def test_a_refused_model_may_be_promoted_and_stays_unproven(lake: Lake, registry: Registry) -> None:
    version = train_model(lake, registry, HOURLY, verdict="refused")
    promote(lake, registry, ACTION_FORECAST, version, PRODUCTION)
    with lake.view() as view:
        serving = serving_model_at(read_decisions(view, ACTION_FORECAST, "sample"), END_OF_TIME)
    assert serving is not None
    assert (serving.model_version, serving.proven) == (version, False)
    assert serving.unproven_reason is not None
    assert "refused by the gates" in serving.unproven_reason


def test_staging_is_an_alias_alone(lake: Lake, registry: Registry) -> None:
    old, new = (train_model(lake, registry, HOURLY, day=day) for day in (0, 1))
    assert alias(registry, STAGING) == new
    promote(lake, registry, ACTION_FORECAST, old, STAGING)
    assert alias(registry, STAGING) == old
    assert champion(lake) == new
    assert len(decisions_of(lake, "verdict")) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"not a model", "no ONNX model"),
        (tiny_model(HOURLY, more={"definition": "another"}), "other features or another label"),
        (
            tiny_model(HOURLY, classes=ACTION_FORECAST.label.classes[::-1]),
            "in another order",
        ),
    ],
    ids=["not onnx", "definition", "class order"],
)
def test_a_model_that_does_not_fit_is_refused_and_nothing_moves(
    lake: Lake, registry: Registry, body: bytes, message: str
) -> None:
    good = train_model(lake, registry, HOURLY)
    bad = train_model(lake, registry, HOURLY, day=1, verdict="refused", body=body)
    with pytest.raises(InvalidRequest, match=message) as error:
        promote(lake, registry, ACTION_FORECAST, bad, PRODUCTION)
    assert "bullion train" in error.value.hint
    assert champion(lake) == alias(registry) == good


@pytest.mark.parametrize("how", ["tampered", "missing"])
def test_a_spoiled_file_is_refused_by_name(lake: Lake, registry: Registry, how: str) -> None:
    version = train_model(lake, registry, HOURLY, verdict="refused")
    spoil(registry, HOURLY, version, how)
    with pytest.raises(InvalidRequest, match=f"version {version} .*cannot serve"):
        promote(lake, registry, ACTION_FORECAST, version, PRODUCTION)
    assert champion(lake) is None
    assert alias(registry) is None


def test_an_unknown_version_or_alias_is_an_error(lake: Lake, registry: Registry) -> None:
    with pytest.raises(InvalidRequest):
        promote(lake, registry, ACTION_FORECAST, 1, PRODUCTION)
    version = train_model(lake, registry, HOURLY)
    with pytest.raises(InvalidRequest, match="not found"):
        promote(lake, registry, ACTION_FORECAST, version + 1, PRODUCTION)
    with pytest.raises(InvalidRequest, match="unknown alias 'production'") as error:
        promote(lake, registry, ACTION_FORECAST, version, "production")
    assert "Production" in error.value.hint


def test_a_rollback_withdraws_and_the_former_serves_again(lake: Lake, registry: Registry) -> None:
    versions = [train_model(lake, registry, HOURLY, day=day) for day in range(3)]
    report = rollback(lake, registry, ACTION_FORECAST, "sample", reason="it lost", by="ann")
    assert report.champion == champion(lake) == alias(registry) == versions[1]
    moves = decisions_of(lake, "model_version", "verdict", "reason", "decided_at", "as_of")[-2:]
    assert [(version, verdict) for version, verdict, *_ in moves] == [
        (versions[2], "withdrawn"),
        (versions[1], "promoted"),
    ]
    assert all("it lost" in reason and "ann" in reason for _, _, reason, _, _ in moves)
    assert moves[0][3:] == moves[1][3:], "both in one commit, at one moment"
    assert rollback(lake, registry, ACTION_FORECAST, "sample").champion == versions[0]
    assert rollback(lake, registry, ACTION_FORECAST, "sample").champion is None
    assert alias(registry) is None
    with pytest.raises(InvalidRequest, match="nothing to roll back"):
        rollback(lake, registry, ACTION_FORECAST, "sample")


def test_a_former_champion_that_is_spoiled_is_passed_over(lake: Lake, registry: Registry) -> None:
    versions = [train_model(lake, registry, HOURLY, day=day) for day in range(3)]
    spoil(registry, HOURLY, versions[1], "tampered")
    report = rollback(lake, registry, ACTION_FORECAST, "sample")
    assert report.champion == alias(registry) == versions[0]
    assert f"version {versions[1]} was passed over" in report.summary()


def test_a_rollback_needs_no_mlflow_where_the_former_was_verified_before(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = (train_model(lake, registry, HOURLY, day=day) for day in (0, 1))
    sha = registry.version(NAME, old).sha256
    registry.read_model(NAME, old, sha)  # scoring had read it

    def down(*_: object, **__: object) -> None:
        raise RegistryError("MLflow cannot be used")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "version", down)
        patch.setattr(Registry, "alias_state", down)
        report = rollback(lake, registry, ACTION_FORECAST, "sample")
    assert report.champion == old
    assert "its alias could not follow" in report.summary()
    reconcile(lake, registry, ACTION_FORECAST, "sample")
    assert alias(registry) == champion(lake) == old
    assert len(decisions_of(lake, "verdict")) == 4, "the alias that lagged is no move by hand"


def test_a_clock_set_back_does_not_undo_a_move(lake: Lake, registry: Registry) -> None:
    old = train_model(lake, registry, HOURLY)
    train_model(lake, registry, HOURLY, day=100_000, point=False)
    promote(lake, registry, ACTION_FORECAST, old, PRODUCTION)
    assert champion(lake) == alias(registry) == old


def test_a_failed_write_moves_no_alias(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (train_model(lake, registry, HOURLY, day=day) for day in (0, 1))

    def full(*_: object, **__: object) -> None:
        raise BullionError("the disk is full")

    monkeypatch.setattr("pipelines.steps.models.moves.append_decisions", full)
    for move in (
        lambda: promote(lake, registry, ACTION_FORECAST, old, PRODUCTION),
        lambda: rollback(lake, registry, ACTION_FORECAST, "sample"),
    ):
        with pytest.raises(BullionError, match="disk is full"):
            move()
        assert alias(registry) == new
