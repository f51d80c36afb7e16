"""The API, assembled: routes, errors, limits and the lake they read."""

from __future__ import annotations

import time
from asyncio import create_task, to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from serving.http import docs, errors, memory
from serving.http.bodies import Bodies
from serving.http.guard import Guard
from serving.http.head import Head
from serving.http.keys import Keys
from serving.http.metrics import Metrics
from serving.http.polled import PolledAnswers
from serving.http.turns import Turns
from serving.http.unread import UnreadAnswers
from serving.routes import (
    backtests,
    bars,
    evidence,
    health,
    history,
    news,
    operations,
    performance,
    prices,
    signals,
    stream,
)
from serving.routes import models as info
from serving.routes import predict as scoring_router
from serving.settings import settings
from serving.state.computed import ComputedTables
from serving.state.follower import Follower
from serving.state.model_loader import ModelLoader
from serving.state.prices import StreamPrices
from serving.state.reader import Reader


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow the lake for as long as the app runs."""
    follower: Follower = app.state.follower
    models: ModelLoader = app.state.models
    app.state.hub = stream.Hub(app.state.metrics, app.state.clock, app.state.prices)
    follower.state_listeners.append(app.state.hub.note_state)
    follower.lake_listeners.append(models.lake_changed)
    await to_thread(follower.start)
    models.start()  # after it: most requests ask for what stands in the tables
    trimming = create_task(memory.trim_after_bodies(app.state.bodies))
    yield
    trimming.cancel()
    await to_thread(follower.stop)
    await app.state.hub.stop()
    await to_thread(models.stop)
    app.state.reader.close()


def create_app() -> FastAPI:
    """Build an API over the lake that the settings name; it shares nothing with another one."""
    app = FastAPI(
        title="Bullion",
        summary="The newest signal, always right about its own age",
        lifespan=_lifespan,
        responses=errors.ALWAYS,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    config, state = settings(), app.state
    state.settings, state.metrics, state.clock = config, Metrics(), time.time
    state.keys = Keys(config)
    state.bodies = Bodies(config)
    state.unread = UnreadAnswers(config)
    state.reader = Reader()
    state.computed, state.backtests = ComputedTables(), config.backtests_folder
    state.follower = Follower(config, state.reader)
    state.prices = StreamPrices(config.data_source)
    state.models = ModelLoader(config, state.reader)
    # Few of each at once: more would only take the interpreter from the event loop.
    state.queries = Turns("the lake", at_once=1, waiting=16)
    state.predictions = Turns("scoring", at_once=2, waiting=100)
    state.batches = Turns("scoring of batches and files", at_once=1, waiting=8)
    app.add_middleware(PolledAnswers, api=app)
    app.add_middleware(Guard, settings=config, metrics=state.metrics, bodies=state.bodies)
    app.add_middleware(Head)
    errors.install_handlers(app)
    for part in (
        signals, history, performance, backtests, news, scoring_router, info, bars, prices,
        operations, health, stream, docs,
    ):  # fmt: skip
        app.include_router(part.router)
    for part in (signals, history, performance, evidence, scoring_router):
        app.include_router(part.forecast_router)
    docs.complete_schema(app)
    return app
