"""Routes that describe the models that serve, and that reload them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from pipelines.forecasts import Forecast, TargetForecast
from pipelines.forecasts import forecast as forecast_named
from serving.http.dependencies import TargetName, known_target, plain
from serving.http.docs import NEEDS_KEY
from serving.http.errors import may
from serving.http.keys import changing, reading
from serving.predict import predictions
from serving.routes.predict import NAMES, ForecastName, Served
from serving.schemas.errors import NotYet
from serving.schemas.scoring import ModelInfo, ReloadAnswer
from serving.state.model_loader import ReloadResult

router = APIRouter(tags=["scoring"])


def _chosen_targets(forecast: Forecast, target: str | None) -> tuple[TargetForecast, ...]:
    """Return the named target, or all targets where none is named."""
    name = known_target(forecast, target)
    return forecast.per_target() if name is None else (forecast.target_forecast(name),)


@router.get("/model-info", response_model=ModelInfo, responses=may(422), dependencies=[reading])
async def model_info(
    served: Served, forecast: ForecastName = NAMES[0], target: TargetName = None
) -> Response:
    """Describe the model that serves a target.

    Without `target`, the first target of the forecast is described.
    """
    model = served.model(_chosen_targets(forecast_named(forecast), target)[0])
    description, label, more = model.scorer.description, model.forecast.label, model.more
    return plain(
        predictions.model_marks(model)
        | {
            "target": model.target,
            "kind": label.kind,
            "unit": label.unit,
            "candidate": model.candidate,
            "verdict": more.get("verdict"),
            "reason": more.get("reason"),
            "as_of": model.as_of,
            "decided_at": more.get("decided_at"),
            "gates": more.get("gates", []),
            "rankings": more.get("rankings", []),
            "data_snapshot": more.get("data_snapshot"),
            "definition": model.forecast.model_fingerprint,
            "sha256": model.sha256,
            "classes": description.classes,
            "scores": label.scores,
            "thresholds": description.thresholds,
            "shares": description.shares,
            "features": description.features,
            "symbols": description.symbols,
            "untrained": description.untrained,
            "interval": model.forecast.interval,
            "look_back": model.forecast.look_back,
            "calendar": model.market.name,
            "origin": model.origin,
            "instead_of": model.instead_of or None,
        }
    )


@router.post(
    "/reload-model",
    response_model=ReloadAnswer,
    responses=may(403, 422),
    dependencies=[changing],
    openapi_extra=NEEDS_KEY,
)
def reload_model(
    served: Served, forecast: ForecastName = NAMES[0], target: TargetName = None
) -> Response:
    """Load the models that the newest decisions name, of all targets or of one.

    Where a model cannot be loaded, the old one stays and a notice says why. It is an error only
    where none of them can be loaded. This always needs a key.
    """
    results: dict[str, dict[str, object] | None] = {}
    failed: list[NotYet] = []
    for target_forecast in _chosen_targets(forecast_named(forecast), target):
        try:
            results[target_forecast.target.name] = _describe_reload(served.reload(target_forecast))
        except NotYet as error:
            results[target_forecast.target.name] = None
            failed.append(error)
    loaded = [(name, result) for name, result in results.items() if result]
    if not loaded:
        raise failed[0]
    main, main_result = loaded[0]
    notices = [error.message for error in failed]
    return plain(
        {
            "forecast": forecast,
            "target": main,
            **main_result,
            "targets": results,
            "notices": notices,
        }
    )


def _describe_reload(reloaded: ReloadResult) -> dict[str, object]:
    return {
        "changed": reloaded.changed,
        "before": reloaded.before,
        "model_version": reloaded.model.version,
        "sha256": reloaded.model.sha256,
        "proven": reloaded.model.proven,
        "unproven_reason": reloaded.model.unproven_reason,
    }
