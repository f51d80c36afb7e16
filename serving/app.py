"""The API, assembled: routes, errors and the lake they read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from serving import bars, errors, health
from serving.lake import Reader


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.reader.close()


def create_app() -> FastAPI:
    """An API of its own over the lake that the settings name."""
    made = FastAPI(title="Bullion", lifespan=_lifespan, responses=errors.RESPONSES)
    made.state.reader = Reader()
    errors.install(made)
    for part in (bars, health):
        made.include_router(part.router)
    return made


app = create_app()
