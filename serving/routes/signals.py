"""The newest signals, predictions and features of every forecast, and the list of forecasts."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response

from pipelines.core.calendar import calendar
from pipelines.core.errors import BullionError, unknown
from pipelines.features.inputs import input_name
from pipelines.forecasts import Forecast
from pipelines.labels.base import Label
from serving.http.dependencies import (
    MAIN,
    Confidence,
    CurrentCache,
    ForecastInPath,
    OneSymbol,
    SymbolName,
    UniverseName,
    check_policy,
    combined_universe,
    conditional_response,
    json_response,
    newest_of,
    not_yet,
    routers,
)
from serving.http.errors import error_responses
from serving.schemas.answers import Component, LatestPredictions, Signal
from serving.schemas.errors import NotFound
from serving.schemas.listings import Features, FeatureVector, Forecasts
from serving.state.answers import Row, build_component, build_signal, encode_answer
from serving.state.cache import ForecastCache, SignalCache

router, forecast_router = routers("newest")
POLLED = error_responses(422) | {
    304: {"description": "Nothing but the age of the answer has changed", "content": {}}
}


@router.get("/signal/index", response_model=Signal, responses=POLLED | error_responses(404))
@forecast_router.get("/signal", response_model=Signal, responses=POLLED | error_responses(404))
async def signal(
    request: Request,
    state: CurrentCache,
    name: ForecastInPath,
    universe: UniverseName = None,
    min_confidence: Confidence = None,
) -> Response:
    """Return the newest signal of a universe.

    Poll it with `If-None-Match`: the tag changes with the snapshot, the model and staleness,
    and not with `age_seconds` alone.
    """
    newest = newest_of(state, name)
    universe = combined_universe(newest, universe)
    if universe not in newest.signals:
        raise not_yet(newest, state, f"signal of {universe}")
    if min_confidence is None:
        return conditional_response(request, newest.ready[universe])
    answer = build_signal(state.marks, newest.forecast, newest.signals[universe], min_confidence)
    return conditional_response(request, encode_answer(answer))


@router.get("/predict/component", response_model=Component, responses=POLLED | error_responses(404))
@forecast_router.get(
    "/component", response_model=Component, responses=POLLED | error_responses(404)
)
async def component(
    request: Request,
    state: CurrentCache,
    name: ForecastInPath,
    symbol: SymbolName,
    min_confidence: Confidence = None,
) -> Response:
    """Return the newest prediction of one symbol: its main target, and all targets by name."""
    newest = newest_of(state, name)
    check_policy(newest.forecast, min_confidence)
    rows = _prediction(newest, state, symbol)
    if min_confidence is None:
        return conditional_response(request, newest.symbols[symbol])
    answer = build_component(state.marks, newest.forecast, rows, min_confidence)
    return conditional_response(request, encode_answer(answer))


@router.get("/forecasts", response_model=Forecasts)
async def forecasts(request: Request, state: CurrentCache) -> Response:
    """List all forecasts with their targets and the newest bar that each has scored."""
    now = request.app.state.clock()
    return json_response(
        state.marks | {"forecasts": [_describe(newest, now) for newest in state.forecasts.values()]}
    )


@forecast_router.get(
    "/latest", response_model=LatestPredictions, responses=POLLED | error_responses(404)
)
async def latest(request: Request, state: CurrentCache, name: ForecastInPath) -> Response:
    """Return the newest prediction of every symbol of a forecast, with all targets by name.

    Poll it with `If-None-Match`, like the signal.
    """
    newest = newest_of(state, name)
    if newest.latest is None:
        raise not_yet(newest, state, "prediction")
    return conditional_response(request, newest.latest)


@forecast_router.get(
    "/features", response_model=FeatureVector | Features, responses=POLLED | error_responses(404)
)
async def features(
    request: Request, state: CurrentCache, name: ForecastInPath, symbol: OneSymbol = None
) -> Response:
    """Return the newest features of one symbol; without a symbol, list the forecast's features.

    The list says what each feature is: these indicators can be sent to be scored. Poll a symbol's
    values with `If-None-Match`: the tag changes with the snapshot and staleness, and not with
    `age_seconds` alone.
    """
    newest = newest_of(state, name)
    if symbol is None:
        return json_response(_list_features(newest.forecast))
    if symbol not in newest.vectors:
        raise _lacking(newest, state, symbol, "features", bool(newest.vectors))
    return conditional_response(request, newest.vectors[symbol])


def _list_features(forecast: Forecast) -> Row:
    fields = ("name", "meaning", "unit", "low", "high", "window", "neutral")
    rows = [
        {field: getattr(feature, field) for field in fields}
        | {"inputs": [input_name(value) for value in feature.inputs]}
        for feature in forecast.features
    ]
    return {"forecast": forecast.name, "interval": forecast.interval, "features": rows}


def _prediction(newest: ForecastCache, state: SignalCache, symbol: str) -> Mapping[str, Row]:
    if symbol in newest.predictions:
        return newest.predictions[symbol]
    raise _lacking(newest, state, symbol, "prediction", bool(newest.predictions))


def _lacking(
    newest: ForecastCache, state: SignalCache, symbol: str, subject: str, of_others: bool
) -> BullionError:
    """Return the error that a symbol has nothing, which others may have."""
    if symbol not in newest.forecast.symbols:
        error = unknown("symbol", symbol, newest.forecast.symbols)
        return NotFound(error.message, error.hint)
    if not of_others:
        return not_yet(newest, state, subject)
    return NotFound(
        f"{newest.forecast.name} has no {subject} of {symbol} lately",
        "its bars are missing: see silver.gaps, or GET /predictions/history",
    )


def _describe(newest: ForecastCache, now: float) -> Row:
    forecast, main = newest.forecast, newest.forecast.targets[0].label
    last = max((row["ts"] for row in newest.newest_rows.values()), default=None)
    return {
        "name": forecast.name,
        "meaning": forecast.meaning.strip(),
        "main": forecast.name == MAIN,
        "interval": forecast.interval,
        "symbols": forecast.symbols,
        "universes": forecast.combined_universes,
        "classes": main.classes,
        "targets": [_describe_target(target.label) for target in forecast.targets],
        "look_back": forecast.look_back,
        "calendar": forecast.schedule.calendar,
        "time_zone": calendar(forecast.schedule.calendar).time_zone,
        "newest": last,
        "stale": newest.stale(now),
    }


def _describe_target(label: Label) -> Row:
    fields = ("kind", "unit", "classes", "scores", "horizon", "within_session")
    return {"target": label.name} | {field: getattr(label, field) for field in fields}
