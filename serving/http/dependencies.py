"""Parameters that routes share, and how they send answers: validators and conditions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator

from pipelines.contracts.columns import SYMBOL, UNIVERSE
from pipelines.core.errors import InvalidField, unknown
from pipelines.core.universes import universe_names
from pipelines.forecasts import FORECASTS, Forecast
from pipelines.lake import View
from pipelines.requests.kinds import neutral
from serving.http.keys import read_access
from serving.http.polled import render
from serving.schemas.errors import NotFound, NotYet, as_validation, refuse
from serving.schemas.strict import QueryNumber
from serving.state.answers import OPTIONS, CachedAnswer, Row
from serving.state.cache import ForecastCache, SignalCache
from serving.state.follower import Follower
from serving.state.reader import Reader

MAIN = FORECASTS[0].name
# DuckLake puts values into the SQL that prunes files, and a NUL would cut that short.
PATTERN = r"^[^\x00-\x1f\x7f]+$"


def signal_universes() -> tuple[str, ...]:
    """Return every universe that there is a file of, and the symbols that have a signal alone."""
    combined = (name for forecast in FORECASTS for name in forecast.combined_universes)
    return tuple(sorted({*universe_names(), *combined}))


def known_universe(name: str) -> str:
    """Return the name of a known universe, or raise an error that suggests the nearest."""
    if name not in signal_universes():
        raise refuse(unknown("universe", name, signal_universes()))
    return name


def known_target(forecast: Forecast, name: str | None) -> str | None:
    """Return the name of a known target, or None; an error suggests the nearest."""
    if name is not None and name not in forecast.target_names:
        error = unknown(f"target of {forecast.name}", name, forecast.target_names)
        raise as_validation(InvalidField(error.message, error.hint, "target"), "query")
    return name


def check_policy(forecast: Forecast, min_confidence: float | None) -> None:
    """Refuse a confidence policy where no target has an action that it could turn into hold."""
    if min_confidence is not None and not any(neutral(target.label) for target in forecast.targets):
        error = InvalidField(
            f"{forecast.name} says nothing that min_confidence could make hold",
            "leave it away: each answer tells its own confidence, or its interval",
            "min_confidence",
        )
        raise as_validation(error, "query")


SymbolName = Annotated[
    str,
    Query(
        min_length=1,
        max_length=64,
        pattern=PATTERN,
        description=SYMBOL.meaning,
        examples=["NVDA"],
    ),
]
OneSymbol = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=64,
        pattern=PATTERN,
        description=f"{SYMBOL.meaning}; without one, the list",
        examples=["NVDA"],
    ),
]
UniverseName = Annotated[
    Annotated[str, AfterValidator(known_universe)] | None,
    Query(
        description=f"{UNIVERSE.meaning}; the first that the forecast combines where none is named",
        json_schema_extra={"enum": [*signal_universes()]},
    ),
]
TargetName = Annotated[
    str | None,
    Query(
        max_length=64,
        pattern=PATTERN,
        description="one of the forecast's targets, as GET /forecasts lists them",
    ),
]
Confidence = Annotated[
    float | None,
    QueryNumber,
    Query(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="actions less probable than this count as hold, and the WSS follows",
        examples=[0.6],
    ),
]


def routers(tag: str) -> tuple[APIRouter, APIRouter]:
    """Return two routers: of the main forecast, and of any forecast by its name in the path."""
    dependencies = [read_access, Depends(_document_name)]
    return (
        APIRouter(tags=[tag], dependencies=[read_access]),
        APIRouter(prefix="/forecasts/{name}", tags=[tag], dependencies=dependencies),
    )


async def _document_name(
    name: Annotated[
        str, Path(max_length=64, description="as GET /forecasts lists them", examples=[MAIN])
    ],
) -> None:
    """Declare the part of the path that _forecast reads."""


async def _forecast(request: Request) -> str:
    name: str = request.path_params.get("name", MAIN)
    return name


ForecastInPath = Annotated[str, Depends(_forecast)]
"""The forecast that is asked for: the main one where the path names none."""


async def _cache(request: Request) -> SignalCache:
    """Return what is in memory; while nothing is, raise the reason why."""
    follower: Follower = request.app.state.follower
    if follower.state is None:
        raise follower.trouble or NotYet("the lake is being read", "ask again", 1)
    return follower.state


CurrentCache = Annotated[SignalCache, Depends(_cache)]


async def _turn(request: Request) -> AsyncIterator[None]:
    request.app.state.unread.check()
    async with request.app.state.queries.turn():
        yield


def _newest_view(
    request: Request, turn: Annotated[None, Depends(_turn, scope="function")]
) -> Iterator[View]:
    reader: Reader = request.app.state.reader
    with reader.view() as view:
        yield view


NewestView = Annotated[View, Depends(_newest_view, scope="function")]
"""The lake's newest snapshot while a request is computed, opened once it is its turn.

Both end before the answer is sent, so a client that is slow to read it keeps nobody waiting.
"""


def newest_of(state: SignalCache, forecast: str) -> ForecastCache:
    """Return a forecast's newest rows, or raise that no forecast has this name."""
    if forecast not in state.forecasts:
        error = unknown("forecast", forecast, state.forecasts)
        raise NotFound(error.message, error.hint)
    return state.forecasts[forecast]


def combined_universe(newest: ForecastCache, universe: str | None) -> str:
    """Return the universe if the forecast combines it, its first one where none is named."""
    name, names = newest.forecast.name, newest.forecast.combined_universes
    if universe is None and names:
        return names[0]
    if universe is None or universe not in names:
        raise NotFound(
            f"{name} combines no signal{f' of {universe}' if universe else ''}",
            f"it combines: {', '.join(names) or 'none'}; GET /forecasts/{name}/latest",
        )
    return universe


def not_yet(newest: ForecastCache, state: SignalCache, subject: str) -> NotYet:
    """Return the error that nothing was published so far, with what is missing."""
    name = newest.forecast.name
    lacking = "no bar is there yet" if not newest.bars else "no model was trained yet"
    if newest.bars and newest.models:
        lacking = "nothing was scored yet"
    return NotYet(
        f"{name} has no {subject} from {state.source}: {lacking}",
        f"unpause the DAGs of {name}, or run `bullion score`; GET /health tells more",
        30,
    )


def conditional_response(request: Request, answer: CachedAnswer) -> Response:
    """Send a cached answer, or 304 where the caller has it but for its age."""
    state = request.app.state
    condition = request.headers.get("if-none-match", "").encode("latin-1")
    status, headers, body = render(answer, state.clock(), state.settings, condition)
    response = Response(body, status)
    response.raw_headers = headers
    return response


def json_response(answer: Row, headers: Mapping[str, str] | None = None) -> Response:
    """Send an answer that is computed for each request."""
    return Response(
        orjson.dumps(answer, option=OPTIONS),
        media_type="application/json",
        headers={"cache-control": "no-store", **(headers or {})},
    )
