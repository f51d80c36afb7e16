"""Models as steps use them: read from the registry, and refused unless they fit the forecast."""

from __future__ import annotations

from pipelines.decisions import ModelDecision
from pipelines.forecasts import Forecast
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry import Registry, model_name
from pipelines.scoring import fitting, same_definition


def champion(registry: Registry, forecast: Forecast, decision: ModelDecision) -> OnnxScorer:
    """The model that was decided on; an error, and never another model, where it cannot serve."""
    name = f"{model_name(forecast)} version {decision.model_version}"
    same_definition(forecast, decision.definition, name)  # before anything is read
    body = registry.model(model_name(forecast), decision.model_version, decision.sha256)
    return fitting(forecast, OnnxScorer(body, decision.sha256), name)


def challenger(
    registry: Registry, forecast: Forecast, decision: ModelDecision, candidate: str
) -> OnnxScorer:
    """The model of another candidate that was kept beside the one decided on."""
    name = f"{candidate} beside {model_name(forecast)} version {decision.model_version}"
    digest = decision.challengers[candidate]
    body = registry.challenger(decision.run_id, candidate, digest)
    return fitting(forecast, OnnxScorer(body, digest), name)
