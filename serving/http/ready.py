"""Answers that are ready are given before any route is looked for: they are polled the most."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.core.errors import BullionError
from serving.settings import Settings
from serving.state.answers import CachedAnswer

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
VARY = (b"vary", b"X-API-Key, Authorization")


def told(
    made: CachedAnswer, now: float, settings: Settings, given: bytes
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a ready answer; 304 where the caller has it but for the age."""
    kept, tag = min(settings.cache_seconds, made.fresh_for(now)), made.tag(now)
    who = b"private" if settings.key_list else b"public"
    headers = [
        (b"etag", tag),
        (b"cache-control", b"%b, max-age=%d, must-revalidate" % (who, kept)),
        VARY,
    ]
    if given and _matches(given, tag):
        return 304, headers, b""
    body = made.body(now)
    return 200, [*headers, JSON, (b"content-length", b"%d" % len(body))], body


def _matches(given: bytes, tag: bytes) -> bool:
    bare = tag.removeprefix(b"W/")
    return given.strip() == b"*" or any(
        one.strip().removeprefix(b"W/") == bare for one in given.split(b",")
    )


class Hot:
    """Gives what is ready; all else, errors included, goes on to the routes."""

    def __init__(self, app: ASGIApp, api: FastAPI) -> None:
        self._app, self._state = app, api.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        made = self._ready(scope) if scope["type"] == "http" else None
        if made is None:
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
        state = self._state
        status, headers, body = told(made, state.clock(), state.settings, given)
        scope["hot"] = scope["path"]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _ready(self, scope: Scope) -> CachedAnswer | None:
        held = self._state.follower.state
        if held is None or scope["method"] != "GET":
            return None
        made: CachedAnswer | None = held.hot.get((scope["path"], scope["query_string"]))
        if made is not None:
            try:
                self._state.keys.read(HTTPConnection(scope))
            except BullionError:
                return None
        return made
