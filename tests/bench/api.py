"""The newest signal over HTTP beside a bare FastAPI route, and a history beside its bare query.

Each server is one uvicorn worker in a process of its own, asked over 32 connections by another
process, while a third publishes a signal of ten constituents every second. The bare route returns
ready bytes of the same size and looks at nothing.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import duckdb
import httpx
import orjson
import pyarrow as pa
import uvicorn
from fastapi import FastAPI, Response

from pipelines.attach import attach_statements
from pipelines.calendar import calendar
from pipelines.combination import ComponentWeighted
from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.labels.action import ACTIONS, SCORES
from pipelines.lake import Lake
from pipelines.settings import settings
from pipelines.universes import universe
from tests.bench.measure import Figure
from tests.servers.ports import free_port

CONNECTIONS, SECONDS, ROUNDS = 32, 4.0, 3
SYMBOLS = universe("qqq").symbols
PAST, ROWS = 20_000, 10_000
SIGNAL, PAGE = "/signal/index", f"/predictions/history?limit={ROWS}"
KEY = 'forecast, target, source, symbol, "interval", ts, model_version'
BARE = f"""SELECT t.*, o.outcome, o.next_return, o.actual FROM (
    SELECT * EXCLUDE (batch) FROM gold.predictions WHERE role = 'champion' AND source = 'sample'
    AND forecast = ? AND live ORDER BY ts DESC, symbol DESC LIMIT {ROWS}) t
    LEFT JOIN gold.outcomes o USING ({KEY}) ORDER BY ts DESC, symbol DESC"""


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BULLION_LAKE_CATALOG"] = f"sqlite:{folder}/catalog.sqlite"
        os.environ["BULLION_LAKE_DATA"] = f"{folder}/files"
        with Lake() as lake:
            fill(lake)
        yield from served()


def served() -> Iterator[Figure]:
    ours_port, bare_port = free_port(), free_port()
    began = time.perf_counter()
    with child("-m", "serving", port=ours_port) as ours:
        answer = first(ours_port, SIGNAL)
        started = time.perf_counter() - began
        with child("-m", __name__, "bare", port=bare_port, size=len(answer.content)):
            first(bare_port, "/")
            tag = answer.headers["etag"]
            yield history(ours_port, resident(ours.pid), started)
            with child("-m", __name__, "write"):
                yield asked("GET /signal/index", ours_port, bare_port)
            # Nobody publishes: the tag holds.
            tag = httpx.get(f"http://127.0.0.1:{ours_port}{SIGNAL}").headers["etag"]
            yield asked("GET /signal/index, 304", ours_port, bare_port, tag)


def asked(what: str, ours_port: int, bare_port: int, tag: str = "") -> Figure:
    """Both in turn, and every answer of ours looked at."""
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(asyncio.run(load(ours_port, SIGNAL, tag)))
        bare.append(asyncio.run(load(bare_port, "/")))
    ratios = sorted(a.rate / b.rate for a, b in zip(ours, bare, strict=True))
    seen = set().union(*(one.bodies for one in ours))
    torn = sum(not consistent(body) for body in seen if body)
    return Figure(
        what,
        f"{median(o.rate for o in ours):.0f}/s, p99 {median(o.p99 for o in ours):.1f} ms",
        f"{median(b.rate for b in bare):.0f}/s, p99 {median(b.p99 for b in bare):.1f} ms (bare)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{len(seen)} different answers, {torn} of them torn, load {os.getloadavg()[0]:.1f}",
    )


def consistent(body: bytes) -> bool:
    """Whether the parts make the whole: both were written in one commit."""
    told = orjson.loads(body)
    return abs(sum(part["contribution"] for part in told["per_symbol"]) - told["wss"]) < 1e-9


def history(port: int, mib: float, started: float) -> Figure:
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
        f"started in {started:.1f} s, resident {mib:.0f} MiB",
    )


class Load:
    """What many connections got in some seconds."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.bodies: set[bytes] = set()
        self.seconds = 0.0

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds

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


async def load(port: int, path: str, tag: str = "") -> Load:
    made, loop = Load(), asyncio.get_running_loop()
    condition = f"If-None-Match: {tag}\r\n" if tag else ""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{condition}\r\n".encode()
    began = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: Caller(request, made), "127.0.0.1", port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(SECONDS)
    made.seconds = time.perf_counter() - began
    for transport, _ in opened:
        transport.abort()
    if path == "/":
        made.bodies = set()
    return made


# -- the lake


def fill(lake: Lake) -> None:
    """Past predictions with outcomes, live, and one signal."""
    opens = calendar().closed_bars(
        FORECAST.bar, datetime.now(UTC) - timedelta(days=600), datetime.now(UTC)
    )
    newest = opens.table().slice(len(opens) - PAST // len(SYMBOLS) - 1)
    bars = newest.to_pylist()
    rows = [
        row(symbol, one["ts"], one["closes_at"], after["closes_at"], "hold", 0.0)
        for one, after in pairwise(bars)
        for symbol in SYMBOLS
    ]
    outcomes = [
        {n: r[n] for n in ("forecast", "target", "source", "symbol", "interval", "ts")}
        | {"model_version": 1, "outcome": 0.1, "next_return": 0.001, "actual": "hold"}
        | {"known_at": r["timestamp_next"]}
        for r in rows
    ]
    with lake.write("fill") as writer:
        writer.append("gold.predictions", table(rows))
        writer.append("gold.outcomes", pa.Table.from_pylist(outcomes))
    publish(lake, 0)


def table(rows: list[dict[str, object]]) -> pa.Table:
    """Rows as Arrow, probabilities as a map."""
    made = {name: [row[name] for row in rows] for name in rows[0]}
    if "probabilities" in made:
        map_type = pa.map_(pa.string(), pa.float64())
        made["probabilities"] = pa.array(made["probabilities"], map_type)
    return pa.table(made)


def row(
    symbol: str, ts: datetime, closes_at: datetime, after: datetime, action: str, score: float
) -> dict[str, object]:
    return {
        "forecast": FORECAST.name, "target": "action", "source": "sample", "symbol": symbol,
        "interval": "1h", "ts": ts, "closes_at": closes_at, "timestamp_next": after,
        "role": "champion", "candidate": "random_forest", "model_version": 1, "action": action,
        "score": score, "expected_score": score, "confidence": 0.4,
        "probabilities": list(dict.fromkeys(ACTIONS, 0.2).items()), "proven": True,
        "unproven_reason": None, "live": True, "scored_at": closes_at,
    }  # fmt: skip


def publish(lake: Lake, count: int) -> None:
    """One signal in one commit, in the place of the one before; each has another WSS."""
    two = calendar().bars(FORECAST.bar, datetime.now(UTC), datetime.now(UTC) + timedelta(days=9))
    (now, after), told = two.table().slice(0, 2).to_pylist(), ComponentWeighted("qqq")
    actions = {s: ACTIONS[(count + place) % 5] for place, s in enumerate(SYMBOLS)}
    worth = dict(zip(ACTIONS, SCORES, strict=True))
    weights = {s: 0.02 + place / 100 for place, s in enumerate(SYMBOLS)}
    found = told.combine(SYMBOLS, actions, weights)
    times = {"ts": now["ts"], "closes_at": now["closes_at"], "timestamp_next": after["closes_at"]}
    mine = {"forecast": FORECAST.name, "source": "sample", "interval": "1h", "live": True}
    here = "ts >= ?"
    with lake.write("publish") as writer:
        values = [now["ts"]]
        parts = [
            mine
            | {"universe": "qqq", "ts": now["ts"], "symbol": p.symbol, "weight": p.weight}
            | {"share": p.share, "action": p.action, "score": worth[p.action or ""]}
            | {"contribution": p.contribution}
            for p in found.contributions
        ]
        signal = mine | times | {
            "universe": "qqq", "index": "QQQ", "instrument": "/NQ", "wss": found.wss,
            "signal": found.signal, "reason": found.reason, "coverage": found.coverage,
            "index_share": found.index_share, "weights_effective": now["session"],
            "weights_partial": False, "model_version": 1, "proven": True,
            "unproven_reason": None, "scored_at": datetime.now(UTC),
        }  # fmt: skip
        said = [row(s, *times.values(), a, worth[a]) for s, a in actions.items()]
        for name, rows in (("contributions", parts), ("index_signals", [signal]),
                           ("predictions", said)):  # fmt: skip
            writer.replace(f"gold.{name}", table(rows), here, values)


# -- processes


@contextmanager
def child(*arguments: str, port: int = 0, size: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    env = os.environ | {"BULLION_API_PORT": str(port or 8000), "BARE_BYTES": str(size)}
    running = subprocess.Popen([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(20)


def first(port: int, path: str) -> httpx.Response:
    """The first answer, as soon as there is one."""
    for _ in range(1000):
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}{path}")
            if answer.is_success:
                return answer
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise SystemExit(f"no answer from port {port}")


def resident(pid: int) -> float:
    with Path(f"/proc/{pid}/status").open() as told:
        return next(int(line.split()[1]) / 1024 for line in told if line.startswith("VmRSS"))


def bare() -> None:
    app, body = FastAPI(), b"x" * int(os.environ["BARE_BYTES"])

    @app.get("/")
    async def ready() -> Response:
        return Response(body, media_type="application/json")

    uvicorn.run(app, port=int(os.environ["BULLION_API_PORT"]), access_log=False,
                log_level="warning")  # fmt: skip


def write() -> None:
    with Lake() as lake:
        for count in range(1, 10_000):
            publish(lake, count)
            time.sleep(1)


if __name__ == "__main__":
    {"bare": bare, "write": write}[sys.argv[1]]()
