"""The newest signal over HTTP beside a bare FastAPI route, and a history beside its bare query.

Each server is one uvicorn worker in a process of its own, asked over 32 connections by another
process, while a third publishes a signal of ten constituents every second. The bare route returns
ready bytes of the same size and looks at nothing.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import duckdb
import httpx
import orjson
import pyarrow as pa
import uvicorn
from fastapi import FastAPI, Response

from pipelines.core.settings import settings
from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.lake.attach import attach_statements
from pipelines.steps.lake import open_lake
from tests.bench import sockets
from tests.bench.measure import Figure
from tests.bench.published import fill
from tests.servers.ports import free_port
from tests.serving.process import (
    cpu_seconds,
    environment_of,
    memory_of,
    run_server,
    wait_for_answer,
)
from tests.serving.socket_listener import allow_files

CONNECTIONS, SECONDS, ROUNDS = 32, 4.0, 3
MEMORY, READY = 300, 3.0  # MiB, seconds
ROWS = 10_000
SIGNAL, PAGE = "/signal/index", f"/predictions/history?limit={ROWS}"
KEY = 'forecast, target, source, symbol, "interval", ts, model_version'
BARE = f"""SELECT t.*, o.outcome, o.next_return, o.actual FROM (
    SELECT * EXCLUDE (batch) FROM gold.predictions WHERE role = 'champion' AND source = 'sample'
    AND forecast = ? AND live ORDER BY ts DESC, symbol DESC LIMIT {ROWS}) t
    LEFT JOIN gold.outcomes o USING ({KEY}) ORDER BY ts DESC, symbol DESC"""


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        port, bare_port = free_port(), free_port()
        env = environment_of(Path(folder), port)
        os.environ.update({name: env[name] for name in env if name != "BULLION_API_PORT"})
        with open_lake() as lake:
            fill(lake)
        allow_files(2 * sockets.SOCKETS)
        began = time.perf_counter()
        with run_server("-m", "serving", env=env) as server:
            answer = wait_for_answer(port, SIGNAL)
            yield startup_figure(server.pid, time.perf_counter() - began)
            size = {"BARE_PORT": str(bare_port), "BARE_BYTES": str(len(answer.content))}
            with run_server("-m", __name__, env=size) as peer:
                wait_for_answer(bare_port, "/")
                sides = Side(port, server.pid), Side(bare_port, peer.pid)
                yield history(port)
                with run_server("-m", "tests.bench.published", env={}):
                    yield compare_servers("GET /signal/index", *sides)
                # Nothing is published, so the tag stays valid.
                tag = wait_for_answer(port, SIGNAL).headers["etag"]
                yield compare_servers("GET /signal/index, 304", *sides, tag)
            yield sockets.figure(port, server.pid)


def startup_figure(process: int, seconds: float) -> Figure:
    return Figure(
        "the serving process, to its first signal",
        f"{seconds:.1f} s, {cpu_seconds(process):.1f} s of a core, {memory_of(process):.0f} MiB",
        f"{READY:g} s, {MEMORY} MiB",
        f"{seconds / READY:.2f}, {memory_of(process) / MEMORY:.2f}",
        f"no model serves, load {os.getloadavg()[0]:.1f}",
    )


@dataclass(frozen=True)
class Side:
    """One of the two servers that are compared."""

    port: int
    process: int


def compare_servers(name: str, own_side: Side, peer: Side, tag: str = "") -> Figure:
    """Measure both servers in turn, and check every answer of the API."""
    own_loads, peer_loads = [], []
    for _ in range(ROUNDS):
        own_loads.append(asyncio.run(load(own_side, SIGNAL, tag)))
        peer_loads.append(asyncio.run(load(peer, "/")))
    ratios = sorted(a.rate / b.rate for a, b in zip(own_loads, peer_loads, strict=True))
    bodies = set().union(*(result.bodies for result in own_loads))
    torn = sum(not is_consistent(body) for body in bodies if body)
    return Figure(
        f"{name}, {CONNECTIONS} connections",
        summarize(own_loads),
        f"{summarize(peer_loads)} (bare)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{len(bodies)} different answers, {torn} of them torn, load {os.getloadavg()[0]:.1f}",
    )


def summarize(loads: list[Load]) -> str:
    rate, p99, cost = (median(getattr(o, n) for o in loads) for n in ("rate", "p99", "cost"))
    return f"{rate:.0f}/s, p99 {p99:.1f} ms, {cost:.0f} us of a core each"


def is_consistent(body: bytes) -> bool:
    """Whether the contributions sum to the WSS: both were written in one commit."""
    signal = orjson.loads(body)
    return abs(sum(part["contribution"] for part in signal["per_symbol"]) - signal["wss"]) < 1e-9


def history(port: int) -> Figure:
    """Measure 10,000 rows as Arrow, beside the bare query on a connection of its own."""
    address, own_times, bare_times = f"http://127.0.0.1:{port}{PAGE}", [], []
    connection = duckdb.connect()
    for statement in attach_statements(settings(), read_only=True):
        connection.execute(statement)
    with httpx.Client(headers={"Accept": "application/vnd.apache.arrow.stream"}) as client:
        for _ in range(9):
            began = time.perf_counter()
            rows = pa.ipc.open_stream(client.get(address).content).read_all().num_rows
            between = time.perf_counter()
            bare_rows = connection.execute(BARE, [FORECAST.name]).to_arrow_table().num_rows
            assert rows == bare_rows == ROWS
            own_times.append(1000 * (between - began))
            bare_times.append(1000 * (time.perf_counter() - between))
    connection.close()
    ratios = sorted(a / b for a, b in zip(own_times, bare_times, strict=True))
    return Figure(
        f"history of {ROWS} rows as Arrow",
        f"{median(own_times):.0f} ms",
        f"{median(bare_times):.0f} ms (bare query)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"at most 3, load {os.getloadavg()[0]:.1f}",
    )


class Load:
    """The answers that many connections got in some seconds."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.bodies: set[bytes] = set()
        self.seconds = self.used = 0.0

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of a core that the server used for each answer."""
        return 1e6 * self.used / len(self.taken)

    @property
    def p99(self) -> float:
        return 1000 * sorted(self.taken)[int(0.99 * len(self.taken))]


class Caller(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, target: Load) -> None:
        self._request, self._target, self._buffer = request, target, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        if not head.startswith(b"HTTP/1.1 304"):
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._target.taken.append(time.perf_counter() - self._began)
            self._target.bodies.add(body)
            self._buffer = b""
            self._ask()


async def load(side: Side, path: str, tag: str = "") -> Load:
    result, loop = Load(), asyncio.get_running_loop()
    condition = f"If-None-Match: {tag}\r\n" if tag else ""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{condition}\r\n".encode()
    began, cpu_before = time.perf_counter(), cpu_seconds(side.process)
    connections = [
        await loop.create_connection(lambda: Caller(request, result), "127.0.0.1", side.port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(SECONDS)
    result.seconds, result.used = (
        time.perf_counter() - began,
        cpu_seconds(side.process) - cpu_before,
    )
    for transport, _ in connections:
        transport.abort()
    if path == "/":
        result.bodies = set()
    return result


def bare() -> None:
    app, body = FastAPI(), b"x" * int(os.environ["BARE_BYTES"])

    @app.get("/")
    async def ready() -> Response:
        return Response(body, media_type="application/json")

    uvicorn.run(app, port=int(os.environ["BARE_PORT"]), access_log=False,
                log_level="warning")  # fmt: skip


if __name__ == "__main__":
    bare()
