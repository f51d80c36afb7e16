"""Cached answers, sent before any route is looked for: they are polled the most."""

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


def render(
    answer: CachedAnswer, now: float, settings: Settings, if_none_match: bytes
) -> tuple[int, Headers, bytes]:
    """Return status, headers and body of a cached answer; 304 where only its age has changed."""
    max_age, tag = min(settings.cache_seconds, answer.fresh_for(now)), answer.tag(now)
    scope = b"private" if settings.key_list else b"public"
    headers = [
        (b"etag", tag),
        (b"cache-control", b"%b, max-age=%d, must-revalidate" % (scope, max_age)),
        VARY,
    ]
    if if_none_match and matches(if_none_match, tag):
        return 304, headers, b""
    body = answer.body(now)
    return 200, [*headers, JSON, (b"content-length", b"%d" % len(body))], body


def matches(if_none_match: bytes, tag: bytes) -> bool:
    """Whether a condition names the tag; weak and strong tags compare as the same."""
    bare = tag.removeprefix(b"W/")
    return if_none_match.strip() == b"*" or any(
        candidate.strip().removeprefix(b"W/") == bare for candidate in if_none_match.split(b",")
    )


class PolledAnswers:
    """Sends cached answers; all other requests, and errors too, go on to the routes."""

    def __init__(self, app: ASGIApp, api: FastAPI) -> None:
        self._app, self._state = app, api.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._find(scope) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        condition = next(
            (value for name, value in scope["headers"] if name == b"if-none-match"), b""
        )
        state = self._state
        status, headers, body = render(answer, state.clock(), state.settings, condition)
        scope["hot"] = scope["path"]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _find(self, scope: Scope) -> CachedAnswer | None:
        """Return the cached answer of a path and query, if the caller may read it."""
        cache = self._state.follower.state
        if cache is None or scope["method"] != "GET":
            return None
        answer: CachedAnswer | None = cache.hot.get((scope["path"], scope["query_string"]))
        if answer is not None:
            try:
                self._state.keys.admit_reader(HTTPConnection(scope))
            except BullionError:
                return None
        return answer
