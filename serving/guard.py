"""Around every request: the Host it names, the size of its body, and the time it took."""

from __future__ import annotations

import re
import time

from fastapi import Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import answer
from serving.recent import Recent
from serving.settings import Settings

HOST = re.compile(r"(?:([a-z0-9_.-]+)|\[([0-9a-f:.]+)\])(?::[0-9]{1,5})?")  # a name, or IPv6
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Measures:
    """What Prometheus is told, and the p99 that health looks at."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "bullion_requests", "Answers", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "bullion_request_seconds", "Time to answer", ("route",), buckets=BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.snapshot = Gauge("bullion_snapshot", "Snapshot served", registry=self.registry)
        self.age = Gauge(
            "bullion_signal_age_seconds", "Since the signal's bar closed",
            ("forecast", "universe"), registry=self.registry,
        )  # fmt: skip
        self.stale = Gauge(
            "bullion_signal_stale", "1: stale", ("forecast", "universe"), registry=self.registry
        )
        self.sockets = Gauge("bullion_sockets", "WebSockets open", registry=self.registry)
        self.dropped = Counter(
            "bullion_sockets_dropped", "WebSockets that were too slow", registry=self.registry
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self.recent = Recent()

    def took(self, route: str, status: int, seconds: float) -> None:
        child = self._children.get((route, status))
        if child is None:  # finding them by name takes longer than counting
            child = self._requests.labels(route, status), self._seconds.labels(route)
            self._children[route, status] = child
        child[0].inc()
        child[1].observe(seconds)
        self.recent.took(seconds)


class Guard:
    """Plain ASGI: a layer of Starlette's own would cost more than the answer."""

    def __init__(self, app: ASGIApp, settings: Settings, measures: Measures) -> None:
        self._app = app
        self._measures = measures
        self._most = settings.body_bytes
        self._hosts = frozenset(settings.host_list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket" and not self._known_socket(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008, "reason": "unknown host"})
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 500
        length, hosts = b"", list[str]()
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"content-length":
                length = value

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        app: ASGIApp = self._app
        if not self._known(*hosts):
            app = answer(
                400,
                "unknown_host",
                "the request names no Host that is known, or more than one",
                "use localhost, or name it in BULLION_API_HOSTS where the API runs",
            )
        elif length.isdigit() and int(length) > self._most:
            app = answer(413, "too_large", *self._too_large, headers={"connection": "close"})
        elif scope["method"] not in ("GET", "HEAD"):
            receive = self._counted(receive)
        try:
            await app(scope, receive, told)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._measures.took(scope.get("hot", route), status, time.perf_counter() - began)

    @property
    def _too_large(self) -> tuple[str, str]:
        return f"the body is larger than {self._most} bytes", "send it in smaller pieces"

    def _counted(self, receive: Receive) -> Receive:
        """The same, until more was sent than is taken."""
        left = self._most

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, self._too_large[0])
            return message

        return counted

    def _known(self, *hosts: str) -> bool:
        """Whether it is one Host, and known: of two, a proxy may have taken the other one."""
        match = HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        return match is not None and ("*" in self._hosts or (match[1] or match[2]) in self._hosts)

    def _known_socket(self, headers: Headers) -> bool:
        """A page of another site may not listen in: browsers say whose page asks."""
        origins = [origin.partition("://")[2] for origin in headers.getlist("origin")]
        return (not origins or self._known(*origins)) and self._known(*headers.getlist("host"))


def measures(request: Request) -> Measures:
    """Those of the app that answers."""
    found: Measures = request.app.state.measures
    return found
