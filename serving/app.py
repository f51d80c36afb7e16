"""The API, assembled: routes, errors, limits and the lake they read."""

from __future__ import annotations

import time
from asyncio import create_task, to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from serving.http import docs, errors, memory
from serving.http.bodies import Bodies
from serving.http.guard import Guard, Measures
from serving.http.head import Head
from serving.http.keys import Keys
from serving.http.ready import Hot
from serving.http.turns import Turns
from serving.routes import bars, health, history, signals, stream
from serving.routes import models as info
from serving.routes import predict as scoring_router
from serving.settings import settings
from serving.state import models as scoring
from serving.state.follower import Follower
from serving.state.reader import Reader


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    follower: Follower = app.state.follower
    app.state.hub = stream.Hub(app.state.measures, app.state.clock)
    follower.listeners.append(app.state.hub.changed)
    await to_thread(follower.start)
    scoring.start(app.state.reader)  # after it: most who ask want what stands in the tables
    follower.listeners.append(lambda state: scoring.changed(state.snapshot))
    trimming = create_task(memory.give_back(app.state.bodies))
    yield
    trimming.cancel()
    await to_thread(follower.stop)
    await app.state.hub.stop()
    scoring.stop()
    app.state.reader.close()


def create_app() -> FastAPI:
    """An API of its own over the lake that the settings name."""
    made = FastAPI(
        title="Bullion",
        summary="The newest signal, always right about its own age",
        lifespan=_lifespan,
        responses=errors.ALWAYS,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    chosen, measures = settings(), Measures()
    made.state.settings, made.state.measures = chosen, measures
    made.state.keys = Keys(chosen)
    made.state.bodies = Bodies(chosen)
    made.state.reader = Reader()
    made.state.follower = Follower(chosen, made.state.reader)
    made.state.scoring = scoring
    # Few of each at once: more would only take the interpreter from the event loop.
    made.state.queries = Turns("the lake", at_once=4, waiting=32)
    made.state.predictions = Turns("scoring", at_once=2, waiting=100)
    made.state.batches = Turns("scoring of batches and files", at_once=1, waiting=8)
    made.state.clock = time.time
    made.add_middleware(Hot, api=made)
    made.add_middleware(Guard, settings=chosen, measures=measures, bodies=made.state.bodies)
    made.add_middleware(Head)
    errors.install(made)
    for part in (signals, history, scoring_router, info, bars, health, stream, docs):
        made.include_router(part.router)
    for part in (signals, history, scoring_router):
        made.include_router(part.named)
    docs.complete(made)
    return made
