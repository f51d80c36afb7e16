"""The API, assembled: routes, errors, limits and the lake they read."""

from __future__ import annotations

import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from serving import bars, docs, errors, health, history, signals, stream
from serving.follow import Follower
from serving.guard import Guard, Measures
from serving.head import Head
from serving.keys import Keys
from serving.lake import Reader
from serving.ready import Hot
from serving.scoring import info
from serving.scoring import router as scoring_router
from serving.scoring import state as scoring
from serving.settings import settings


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    follower: Follower = app.state.follower
    app.state.hub = stream.Hub(app.state.measures, app.state.clock)
    follower.listeners.append(app.state.hub.changed)
    await to_thread(follower.start)
    scoring.start(app.state.reader)  # after it: most who ask want what stands in the tables
    follower.listeners.append(lambda state: scoring.changed(state.snapshot))
    yield
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
    made.state.reader = Reader()
    made.state.follower = Follower(chosen, made.state.reader)
    made.state.scoring = scoring
    made.state.clock = time.time
    made.add_middleware(Hot, api=made)
    made.add_middleware(Guard, settings=chosen, measures=measures)
    made.add_middleware(Head)
    errors.install(made)
    for part in (signals, history, scoring_router, info, bars, health, stream, docs):
        made.include_router(part.router)
    for part in (signals, history, scoring_router):
        made.include_router(part.named)
    docs.complete(made)
    return made
