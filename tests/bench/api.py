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
from tests.serving.listening import allow_files
from tests.serving.process import (
    cpu_seconds,
    environment_of,
    memory_of,
    run_server,
    wait_for_answer,
)

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
        port, other = free_port(), free_port()
        env = environment_of(Path(folder), port)
        os.environ.update({name: env[name] for name in env if name != "BULLION_API_PORT"})
        with open_lake() as lake:
            fill(lake)
        allow_files(2 * sockets.SOCKETS)
        began = time.perf_counter()
        with run_server("-m", "serving", env=env) as ours:
            answer = wait_for_answer(port, SIGNAL)
            yield started(ours.pid, time.perf_counter() - began)
            size = {"BARE_PORT": str(other), "BARE_BYTES": str(len(answer.content))}
            with run_server("-m", __name__, env=size) as peer:
                wait_for_answer(other, "/")
                both = Side(port, ours.pid), Side(other, peer.pid)
                yield history(port)
                with run_server("-m", "tests.bench.published", env={}):
                    yield asked("GET /signal/index", *both)
                # Nobody publishes: the tag holds.
                tag = wait_for_answer(port, SIGNAL).headers["etag"]
                yield asked("GET /signal/index, 304", *both, tag)
            yield sockets.figure(port, ours.pid)


def started(process: int, seconds: float) -> Figure:
    return Figure(
        "the serving process, to its first signal",
        f"{seconds:.1f} s, {cpu_seconds(process):.1f} s of a core, {memory_of(process):.0f} MiB",
        f"{READY:g} s, {MEMORY} MiB",
        f"{seconds / READY:.2f}, {memory_of(process) / MEMORY:.2f}",
        f"no model serves, load {os.getloadavg()[0]:.1f}",
    )


@dataclass(frozen=True)
class Side:
    """One of the two servers."""

    port: int
    process: int


def asked(what: str, ours: Side, peer: Side, tag: str = "") -> Figure:
    """Both in turn, and every answer of ours looked at."""
    mine, bare = [], []
    for _ in range(ROUNDS):
        mine.append(asyncio.run(load(ours, SIGNAL, tag)))
        bare.append(asyncio.run(load(peer, "/")))
    ratios = sorted(a.rate / b.rate for a, b in zip(mine, bare, strict=True))
    seen = set().union(*(one.bodies for one in mine))
    torn = sum(not consistent(body) for body in seen if body)
    return Figure(
        f"{what}, {CONNECTIONS} connections",
        _told(mine),
        f"{_told(bare)} (bare)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{len(seen)} different answers, {torn} of them torn, load {os.getloadavg()[0]:.1f}",
    )


def _told(many: list[Load]) -> str:
    rate, p99, cost = (median(getattr(o, n) for o in many) for n in ("rate", "p99", "cost"))
    return f"{rate:.0f}/s, p99 {p99:.1f} ms, {cost:.0f} us of a core each"


def consistent(body: bytes) -> bool:
    """Whether the parts make the whole: both were written in one commit."""
    told = orjson.loads(body)
    return abs(sum(part["contribution"] for part in told["per_symbol"]) - told["wss"]) < 1e-9


def history(port: int) -> Figure:
    """10,000 rows as Arrow beside the query alone, on a connection of its own."""
    address, ours, bare = f"http://127.0.0.1:{port}{PAGE}", [], []
    connection = duckdb.connect()
    for statement in attach_statements(settings(), read_only=True):
        connection.execute(statement)
    with httpx.Client(headers={"Accept": "application/vnd.apache.arrow.stream"}) as client:
        for _ in range(9):
            began = time.perf_counter()
            rows = pa.ipc.open_stream(client.get(address).content).read_all().num_rows
            between = time.perf_counter()
            wanted = connection.execute(BARE, [FORECAST.name]).to_arrow_table().num_rows
            assert rows == wanted == ROWS
            ours.append(1000 * (between - began))
            bare.append(1000 * (time.perf_counter() - between))
    connection.close()
    ratios = sorted(a / b for a, b in zip(ours, bare, strict=True))
    return Figure(
        f"history of {ROWS} rows as Arrow",
        f"{median(ours):.0f} ms",
        f"{median(bare):.0f} ms (bare query)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"at most 3, load {os.getloadavg()[0]:.1f}",
    )


class Load:
    """What many connections got in some seconds."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.bodies: set[bytes] = set()
        self.seconds = self.used = 0.0

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of a core that the server used for each: what else runs matters less."""
        return 1e6 * self.used / len(self.taken)

    @property
    def p99(self) -> float:
        return 1000 * sorted(self.taken)[int(0.99 * len(self.taken))]


class Caller(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, into: Load) -> None:
        self._request, self._into, self._buffer = request, into, b""

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
            self._into.taken.append(time.perf_counter() - self._began)
            self._into.bodies.add(body)
            self._buffer = b""
            self._ask()


async def load(side: Side, path: str, tag: str = "") -> Load:
    made, loop = Load(), asyncio.get_running_loop()
    condition = f"If-None-Match: {tag}\r\n" if tag else ""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{condition}\r\n".encode()
    began, before = time.perf_counter(), cpu_seconds(side.process)
    opened = [
        await loop.create_connection(lambda: Caller(request, made), "127.0.0.1", side.port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(SECONDS)
    made.seconds, made.used = time.perf_counter() - began, cpu_seconds(side.process) - before
    for transport, _ in opened:
        transport.abort()
    if path == "/":
        made.bodies = set()
    return made


def bare() -> None:
    app, body = FastAPI(), b"x" * int(os.environ["BARE_BYTES"])

    @app.get("/")
    async def ready() -> Response:
        return Response(body, media_type="application/json")

    uvicorn.run(app, port=int(os.environ["BARE_PORT"]), access_log=False,
                log_level="warning")  # fmt: skip


if __name__ == "__main__":
    bare()
