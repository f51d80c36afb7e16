"""Routes that describe the models that serve, and that reload them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from pipelines.forecasts import Forecast, TargetForecast
from pipelines.forecasts import forecast as forecast_named
from serving.http.dependencies import TargetName, json_response, known_target
from serving.http.docs import NEEDS_KEY
from serving.http.errors import error_responses
from serving.http.keys import change_access, read_access
from serving.predict import predictions
from serving.routes.predict import NAMES, ForecastName, Loader
from serving.schemas.errors import NotYet
from serving.schemas.scoring import ModelInfo, ReloadAnswer
from serving.state.model_loader import ReloadResult

router = APIRouter(tags=["scoring"])


def _chosen_targets(forecast: Forecast, target: str | None) -> tuple[TargetForecast, ...]:
    """Return the named target, or all targets where none is named."""
    name = known_target(forecast, target)
    return forecast.per_target() if name is None else (forecast.target_forecast(name),)


@router.get(
    "/model-info",
    response_model=ModelInfo,
    responses=error_responses(422),
    dependencies=[read_access],
)
async def model_info(
    loader: Loader, forecast: ForecastName = NAMES[0], target: TargetName = None
) -> Response:
    """Describe the model that serves a target.

    Without `target`, the first target of the forecast is described.
    """
    model = loader.model(_chosen_targets(forecast_named(forecast), target)[0])
    description, label, training = model.scorer.description, model.forecast.label, model.training
    return json_response(
        predictions.model_marks(model)
        | {
            "target": model.target,
            "kind": label.kind,
            "unit": label.unit,
            "candidate": model.candidate,
            "verdict": training.get("verdict"),
            "reason": training.get("reason"),
            "as_of": model.as_of,
            "decided_at": training.get("decided_at"),
            "gates": training.get("gates", []),
            "rankings": training.get("rankings", []),
            "data_snapshot": training.get("data_snapshot"),
            "definition": model.forecast.model_fingerprint,
            "sha256": model.sha256,
            "classes": description.classes,
            "scores": label.scores,
            "thresholds": description.thresholds,
            "rule": description.rule if label.kind == "classes" else None,
            "score_thresholds": description.score_thresholds,
            "shares": description.shares,
            "features": description.features,
            "symbols": description.symbols,
            "untrained": description.untrained,
            "interval": model.forecast.interval,
            "look_back": model.look_back,
            "calendar": model.market.name,
            "origin": model.origin,
            "instead_of": model.instead_of or None,
        }
    )


@router.post(
    "/reload-model",
    response_model=ReloadAnswer,
    responses=error_responses(403, 422),
    dependencies=[change_access],
    openapi_extra=NEEDS_KEY,
)
def reload_model(
    loader: Loader, forecast: ForecastName = NAMES[0], target: TargetName = None
) -> Response:
    """Load the models that the newest decisions name, of all targets or of one.

    Where a model cannot be loaded, the old one stays and a notice says why. It is an error only
    where none of them can be loaded. This always needs a key.
    """
    results: dict[str, dict[str, object] | None] = {}
    failures: list[NotYet] = []
    for target_forecast in _chosen_targets(forecast_named(forecast), target):
        try:
            results[target_forecast.target.name] = _describe_reload(loader.reload(target_forecast))
        except NotYet as error:
            results[target_forecast.target.name] = None
            failures.append(error)
    successes = [(name, result) for name, result in results.items() if result]
    if not successes:
        raise failures[0]
    main, main_result = successes[0]
    notices = [error.message for error in failures]
    return json_response(
        {
            "forecast": forecast,
            "target": main,
            **main_result,
            "targets": results,
            "notices": notices,
        }
    )


def _describe_reload(result: ReloadResult) -> dict[str, object]:
    return {
        "changed": result.changed,
        "before": result.before,
        "model_version": result.model.version,
        "sha256": result.model.sha256,
        "proven": result.model.proven,
        "unproven_reason": result.model.unproven_reason,
    }
