"""Around every request: who asks, the size of its body, and the time it took."""

from __future__ import annotations

import re
import time

from fastapi import Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.bodies import Bodies
from serving.http.errors import answer
from serving.http.origins import is_same_origin
from serving.settings import Settings
from serving.state.latency import LatencyWindow

HOST = re.compile(r"(?:([a-z0-9_.-]+)|\[([0-9a-f:.]+)\])(?::[0-9]{1,5})?")  # a name, or IPv6
ASKING = ("GET", "HEAD")  # methods that send nothing and change nothing
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
        self.recent = LatencyWindow()

    def took(self, route: str, status: int, seconds: float) -> None:
        child = self._children.get((route, status))
        if child is None:  # finding them by name takes longer than counting
            child = self._requests.labels(route, status), self._seconds.labels(route)
            self._children[route, status] = child
        child[0].inc()
        child[1].observe(seconds)
        self.recent.add(seconds)


class Guard:
    """Plain ASGI: a layer of Starlette's own would cost more than the answer."""

    def __init__(
        self, app: ASGIApp, settings: Settings, measures: Measures, bodies: Bodies
    ) -> None:
        self._app = app
        self._measures = measures
        self._bodies = bodies
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

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        app = self._refusal(scope) or self._app
        try:
            if scope["method"] in ASKING:
                await app(scope, receive, told)
            else:
                with self._bodies.counted(receive) as counted:
                    await app(scope, counted, told)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._measures.took(scope.get("hot", route), status, time.perf_counter() - began)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """The answer to a request that no route needs to see; mostly none."""
        length, hosts = b"", list[bytes]()
        origin: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"content-length":
                length = value
            elif name == b"origin":
                origin = value
        if not self._known(*(host.decode("latin-1") for host in hosts)):
            return answer(
                400,
                "unknown_host",
                "the request names no Host that is known, or more than one",
                "use localhost, or name it in BULLION_API_HOSTS where the API runs",
            )
        foreign = origin is not None and not is_same_origin(origin, hosts[0])
        if foreign and scope["method"] not in ASKING:
            return answer(
                403,
                "forbidden",
                "a web page of another origin may not send this",
                "send it from a program, or from a page of the API's own host and port",
            )
        if length.isdigit() and int(length) > self._bodies.largest:
            error = self._bodies.too_large
            return answer(
                413, "too_large", error.message, error.hint, headers={"connection": "close"}
            )
        return None

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
