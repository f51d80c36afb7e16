"""The champion by the decisions, and the Production alias in the registry."""

from __future__ import annotations

from pipelines.lake import Lake
from pipelines.registry.decisions import champion_at, read_decisions
from pipelines.registry.mlflow import PRODUCTION, Registry, model_name
from pipelines.steps.models.manual_decisions import END_OF_TIME
from tests.steps.served import HOURLY

ACTION_FORECAST = HOURLY.target_forecast()
NAME = model_name(ACTION_FORECAST)


def champion(lake: Lake, source: str = "sample") -> int | None:
    with lake.view() as view:
        decision = champion_at(read_decisions(view, ACTION_FORECAST, source), END_OF_TIME)
    return decision.model_version if decision else None


def alias(registry: Registry, name: str = PRODUCTION) -> int | None:
    return registry.alias_state(NAME).aliases.get(name)


def move_by_hand(registry: Registry, version: int) -> None:
    """Move the alias as a person does on the pages of MLflow."""
    registry.client.set_registered_model_alias(NAME, PRODUCTION, str(version))
