"""The versions of models that the lake has serve now, as a release is pinned to them."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.core.settings import settings
from pipelines.forecasts import FORECASTS
from pipelines.registry.decisions import read_decisions, serving_model_at
from pipelines.steps.lake import open_lake


def newest_models(source: str = "") -> str:
    """Return FORECAST.TARGET=VERSION of every target that has a model, with commas."""
    source, now = source or settings().source, datetime.now(UTC)
    with open_lake(read_only=True) as lake, lake.view() as view:
        models = {
            f"{target.name}.{target.target.name}": serving_model_at(
                read_decisions(view, target, source), now
            )
            for forecast in FORECASTS
            for target in forecast.per_target()
        }
    return ",".join(f"{name}={model.model_version}" for name, model in models.items() if model)
