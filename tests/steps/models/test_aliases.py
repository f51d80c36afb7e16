"""The Production alias and the decisions are brought into agreement, whoever moved the alias."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.registry.mlflow import PRODUCTION, Registry
from pipelines.steps.models.aliases import reconcile
from pipelines.steps.models.moves import promote, rollback
from tests.steps.models.production import ACTION_FORECAST, NAME, alias, champion, move_by_hand
from tests.steps.served import HOURLY, decisions_of, fresh_registry, spoil, tiny_model, train_model


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return fresh_registry(tmp_path / "mlflow")


def test_an_alias_in_agreement_is_not_moved(lake: Lake, registry: Registry) -> None:
    assert reconcile(lake, registry, ACTION_FORECAST, "sample").messages == ()  # an empty registry
    train_model(lake, registry, HOURLY)
    assert reconcile(lake, registry, ACTION_FORECAST, "sample").messages == ()
    assert len(decisions_of(lake, "verdict")) == 1


def test_an_alias_moved_by_hand_is_obeyed_once(lake: Lake, registry: Registry) -> None:
    old, _ = (train_model(lake, registry, HOURLY, day=day) for day in (0, 1))
    move_by_hand(registry, old)
    for _ in range(2):
        reconcile(lake, registry, ACTION_FORECAST, "sample")
        assert champion(lake) == alias(registry) == old
    rows = decisions_of(lake, "verdict", "reason")
    assert len(rows) == 3
    assert "moved to it by hand" in rows[-1][1]


@pytest.mark.parametrize("how", ["tampered", "missing", "not onnx", "definition"])
def test_an_alias_moved_to_a_model_that_cannot_serve_is_put_back_and_recorded_once(
    lake: Lake, registry: Registry, how: str
) -> None:
    bodies = {
        "not onnx": b"not a model",
        "definition": tiny_model(HOURLY, more={"definition": "another"}),
    }
    bad = train_model(lake, registry, HOURLY, verdict="refused", body=bodies.get(how))
    good = train_model(lake, registry, HOURLY, day=1)
    if how not in bodies:
        spoil(registry, HOURLY, bad, how)
    for _ in range(2):
        move_by_hand(registry, bad)
        assert reconcile(lake, registry, ACTION_FORECAST, "sample").messages
        assert champion(lake) == alias(registry) == good
    assert [verdict for (verdict,) in decisions_of(lake, "verdict")] == [
        "refused",
        "promoted",
        "refused",
    ]


def test_a_model_that_was_not_trained_on_this_lake_does_not_serve(
    lake: Lake, registry: Registry
) -> None:
    good = train_model(lake, registry, HOURLY)
    run = registry.client.create_run(registry.experiment("x")).info.run_id
    stranger = registry.register(NAME, tiny_model(HOURLY, seed=9), run, {}).version
    move_by_hand(registry, stranger)
    message = reconcile(lake, registry, ACTION_FORECAST, "sample").summary()
    assert "was not trained on this lake" in message
    assert champion(lake) == alias(registry) == good
    assert lake.rows("SELECT status FROM gold.runs WHERE step = 'reconcile'") == [("failed",)]
    with pytest.raises(InvalidRequest, match="was not trained on this lake"):
        promote(lake, registry, ACTION_FORECAST, stranger, PRODUCTION)


def test_an_alias_removed_by_hand_withdraws_its_model(lake: Lake, registry: Registry) -> None:
    train_model(lake, registry, HOURLY)
    registry.client.delete_registered_model_alias(NAME, PRODUCTION)
    for _ in range(2):
        reconcile(lake, registry, ACTION_FORECAST, "sample")
        assert champion(lake) is alias(registry) is None
    assert [verdict for (verdict,) in decisions_of(lake, "verdict")] == ["promoted", "withdrawn"]


def test_an_alias_that_a_dead_process_left_behind_follows_the_decision(
    lake: Lake, registry: Registry
) -> None:
    first = train_model(lake, registry, HOURLY, point=False)
    reconcile(lake, registry, ACTION_FORECAST, "sample")
    assert alias(registry) == champion(lake) == first
    second = train_model(lake, registry, HOURLY, day=1, point=False)
    assert alias(registry) == first
    reconcile(lake, registry, ACTION_FORECAST, "sample")
    assert alias(registry) == champion(lake) == second
    assert len(decisions_of(lake, "verdict")) == 2


def test_sources_share_the_alias_and_not_their_champions(lake: Lake, registry: Registry) -> None:
    version = train_model(lake, registry, HOURLY, "sample")
    version_of_yahoo = train_model(lake, registry, HOURLY, "yahoo", day=1)
    assert alias(registry) == version_of_yahoo
    assert reconcile(lake, registry, ACTION_FORECAST, "sample").champion == version
    assert alias(registry) == version_of_yahoo
    assert rollback(lake, registry, ACTION_FORECAST, "sample").champion is None
    assert alias(registry) == version_of_yahoo, (
        "a rollback of one source takes no alias from another"
    )
    assert champion(lake, "yahoo") == version_of_yahoo
