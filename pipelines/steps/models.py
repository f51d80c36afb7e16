"""Models as steps use them: read from the registry, and refused unless they fit the forecast."""

from __future__ import annotations

from pipelines.decisions import ModelDecision
from pipelines.errors import InvalidRequest
from pipelines.forecasts import Forecast
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry import Registry, model_name


def champion(registry: Registry, forecast: Forecast, decision: ModelDecision) -> OnnxScorer:
    """The model that was decided on; an error, and never another model, where it cannot serve."""
    name = f"{model_name(forecast)} version {decision.model_version}"
    _fits(forecast, name, decision.definition)  # before anything is read
    body = registry.model(model_name(forecast), decision.model_version, decision.sha256)
    return _sound(forecast, name, OnnxScorer(body, decision.sha256))


def challenger(
    registry: Registry, forecast: Forecast, decision: ModelDecision, candidate: str
) -> OnnxScorer:
    """The model of another candidate that was kept beside the one decided on."""
    name = f"{candidate} beside {model_name(forecast)} version {decision.model_version}"
    digest = decision.challengers[candidate]
    body = registry.challenger(decision.run_id, candidate, digest)
    return _sound(forecast, name, OnnxScorer(body, digest))


def _fits(forecast: Forecast, name: str, definition: str | None) -> None:
    if definition != forecast.definition:
        raise InvalidRequest(
            f"{name} was trained on other features or another label than {forecast.name} has now",
            f"bullion train {forecast.name}",
        )


def _sound(forecast: Forecast, name: str, scorer: OnnxScorer) -> OnnxScorer:
    told = scorer.description
    _fits(forecast, name, told.more.get("definition"))
    if told.features != forecast.feature_names or told.classes != forecast.label.classes:
        raise InvalidRequest(
            f"{name} takes {len(told.features)} features and gives {', '.join(told.classes)}: "
            f"not those of {forecast.name}, or in another order",
            f"bullion train {forecast.name}",
        )
    return scorer
