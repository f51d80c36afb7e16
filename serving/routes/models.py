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
    told, label, more = model.scorer.description, model.forecast.label, model.more
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
            "classes": told.classes,
            "scores": label.scores,
            "thresholds": told.thresholds,
            "shares": told.shares,
            "features": told.features,
            "symbols": told.symbols,
            "untrained": told.untrained,
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
    done: dict[str, dict[str, object] | None] = {}
    failed: list[NotYet] = []
    for one in _chosen_targets(forecast_named(forecast), target):
        try:
            done[one.target.name] = _told(served.reload(one))
        except NotYet as error:
            done[one.target.name] = None
            failed.append(error)
    taken = [(name, told) for name, told in done.items() if told]
    if not taken:
        raise failed[0]
    main, told = taken[0]
    notices = [error.message for error in failed]
    return plain(
        {"forecast": forecast, "target": main, **told, "targets": done, "notices": notices}
    )


def _told(done: ReloadResult) -> dict[str, object]:
    return {
        "changed": done.changed,
        "before": done.before,
        "model_version": done.model.version,
        "sha256": done.model.sha256,
        "proven": done.model.proven,
        "unproven_reason": done.model.unproven_reason,
    }
