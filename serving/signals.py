"""The newest of every forecast, from memory: signals, predictions, and what there is."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from pipelines.errors import unknown
from serving.answers import Component, Forecasts, Latest, Signal
from serving.asked import (
    MAIN,
    Confidence,
    Held,
    Named,
    SymbolName,
    UniverseName,
    conditional,
    newest_of,
    not_yet,
    plain,
    routers,
)
from serving.errors import NotFound, may
from serving.newest import UNIVERSE, Newest, Row, State, component_of, ready, signal_of

router, named = routers("newest")
POLLED = may(422) | {304: {"description": "Unchanged but for its age", "content": {}}}


@router.get("/signal/index", response_model=Signal, responses=POLLED)
@named.get("/signal", response_model=Signal, responses=POLLED | may(404))
async def signal(
    request: Request,
    state: Held,
    name: Named,
    universe: UniverseName = UNIVERSE,
    min_confidence: Confidence = None,
) -> Response:
    """The newest signal of a universe.

    Poll it with `If-None-Match`: the tag changes with the snapshot, the model and staleness,
    and not with `age_seconds` alone.
    """
    newest = newest_of(state, name)
    known = [one.universe for one in newest.forecast.combinations]
    if universe not in known:
        raise NotFound(
            f"{name} combines no signal of {universe}",
            f"it combines: {', '.join(known) or 'none'}; GET /forecasts/{name}/latest",
        )
    if universe not in newest.signals:
        raise not_yet(newest, state, f"signal of {universe}")
    if min_confidence is None:
        return conditional(request, newest.ready[universe])
    made = signal_of(state, newest.forecast, newest.signals[universe], min_confidence)
    return conditional(request, ready(state, made))


@router.get("/predict/component", response_model=Component, responses=POLLED | may(404))
@named.get("/component", response_model=Component, responses=POLLED | may(404))
async def component(
    request: Request,
    state: Held,
    name: Named,
    symbol: SymbolName,
    min_confidence: Confidence = None,
) -> Response:
    """The newest prediction of one constituent."""
    newest = newest_of(state, name)
    row = _prediction(newest, state, symbol)
    if min_confidence is None:
        return conditional(request, newest.symbols[symbol])
    made = component_of(state, newest.forecast, row, min_confidence)
    return conditional(request, ready(state, made))


@router.get("/forecasts", response_model=Forecasts)
async def forecasts(request: Request, state: Held) -> Response:
    """Every forecast, what it is about, and the newest bar it has predicted."""
    now = request.app.state.clock()
    return plain(state.marks | {"forecasts": [_told(one, now) for one in state.forecasts.values()]})


@named.get("/latest", response_model=Latest, responses=may(404, 422))
async def latest(request: Request, state: Held, name: Named) -> Response:
    """The newest prediction of every symbol of a forecast."""
    newest, now = newest_of(state, name), request.app.state.clock()
    if not newest.predictions:
        raise not_yet(newest, state, "prediction")
    rows = [
        _aged(component_of(state, newest.forecast, r), now) for r in newest.predictions.values()
    ]
    return plain(state.marks | {"forecast": name, "predictions": rows})


def _prediction(newest: Newest, state: State, symbol: str) -> Row:
    if symbol in newest.predictions:
        return newest.predictions[symbol]
    if symbol not in newest.forecast.symbols:
        error = unknown("symbol", symbol, newest.forecast.symbols)
        raise NotFound(error.message, error.hint)
    if not newest.predictions:
        raise not_yet(newest, state, "prediction")
    raise NotFound(
        f"{newest.forecast.name} has predicted nothing of {symbol} lately",
        "its bars are missing: see silver.gaps, or GET /predictions/history",
    )


def _aged(answer: Row, now: float) -> Row:
    stale = now >= answer["stale_at"].timestamp()
    age = max(0, int(now - answer["closes_at"].timestamp()))
    return answer | {"stale": stale, "age_seconds": age}


def _told(newest: Newest, now: float) -> Row:
    one, rows = newest.forecast, newest.predictions.values()
    last = max(rows, key=lambda row: row["ts"], default=None)
    return {
        "name": one.name,
        "meaning": one.meaning.strip(),
        "main": one.name == MAIN,
        "interval": one.interval,
        "symbols": one.symbols,
        "universes": [c.universe for c in one.combinations],
        "classes": one.label.classes,
        "look_back": one.look_back,
        "newest": last and last["ts"],
        "stale": None if last is None else now >= last["stale_at"].timestamp(),
    }
