"""The newest signal while forty clients send bodies that are made to stop the API.

The clients are one process, the API another; a third, this one, polls the signal over 32
connections as in tests.bench.api. The memory is the API's own, at its highest while the clients
send, and a minute after the last of them has gone. Two kinds of the largest bodies that are
answered follow, without a bound of their own, and a history that 200 clients ask for at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from tests.bench.api import CONNECTIONS, ROUNDS, SECONDS, SIGNAL, Load, Side, load
from tests.bench.measure import Figure
from tests.bench.published import fill
from tests.models import body, decide, store_verified
from tests.servers.ports import free_port
from tests.serving.process import environment_of, memory_of, run_server, wait_for_answer

CLIENTS, CROWD = 40, 200  # clients that send bodies; that ask for a history
REST_SECONDS = 60.0  # seconds until the memory is looked at again
P99, MEMORY, MEMORY_LEFT = 50.0, 600, 50  # milliseconds, MiB at the most, MiB over what it was
MEBI = 2**20
PATIENCE = 2000.0  # milliseconds after which a client would give up on a history
PREDICT, BATCH, FILE = "/predict", "/predict/batch", "/predict_batch"
NAMES = ("open", "high", "low", "close", "volume")
PAGE = "/predictions/history?limit=10000"


def repeat_part(head: bytes, part: bytes, size: int, tail: bytes) -> bytes:
    """Build a body of about that size by repeating one part."""
    return head + part * (size // len(part)) + part.rstrip(b",") + tail


def build_hostile_bodies() -> dict[str, tuple[str, bytes, float]]:
    """Return path, body and the share of it that is sent, by a name."""
    columns = ",".join(["close"] * 100_000).encode()
    row = b"open,high,low,close\n1,2,0.5,1\n"
    return {
        "batches of numbers": (BATCH, repeat_part(b'{"requests":[', b"1,", 8_300_000, b"]}"), 1.0),
        "batches of empty requests": (
            BATCH, repeat_part(b'{"requests":[', b"{},", 7_800_000, b"]}"), 1.0,
        ),
        "one key many times": (PREDICT, repeat_part(b"{", b'"bars":1,', 8 * MEBI - 99, b"}"), 1.0),
        "files of 100,000 columns": (FILE, columns + b"\n" + columns, 1.0),
        "files of empty lines": (FILE, repeat_part(row, b"\n", 8 * MEBI - 99, b""), 1.0),
        "files of quotes alone": (FILE, repeat_part(row, b'""\n', 8 * MEBI - 99, b""), 1.0),
        "bodies that stall half-way": (BATCH, b"[" * (8 * MEBI), 0.5),
    }  # fmt: skip


def build_large_bodies() -> dict[str, tuple[str, bytes, float]]:
    """Return the same for the largest bodies that are answered."""
    prices = [(100.25 + n % 7, 101.5 + n % 7, 99.75 + n % 7, 100.5 + n % 7, 1e6 + n % 9)
              for n in range(10_000)]  # fmt: skip
    bars = [dict(zip(NAMES, row, strict=True)) for row in prices[:5000]]
    rows = "\n".join([",".join(NAMES), *(",".join(map(str, row)) for row in prices)])
    return {
        "the most bars that are taken": (
            PREDICT, json.dumps({"symbol": "NVDA", "bars": bars}).encode(), 1.0,
        ),
        "the most rows that are taken": (f"{FILE}?symbol=NVDA", rows.encode(), 1.0),
    }  # fmt: skip


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        env = environment_of(Path(folder), port)
        os.environ.update({name: env[name] for name in env if name != "BULLION_API_PORT"})
        with open_lake() as lake:
            fill(lake)
            model = store_verified(
                Registry(folder=Path(folder) / "mlflow"), FORECAST, body(FORECAST)
            )
            decide(lake, FORECAST, "sample", model, datetime.now(UTC) - timedelta(days=1))
        with run_server("-m", "serving", env=env) as server:
            wait_for_answer(port, SIGNAL)
            wait_for_answer(port, "/model-info")
            side = Side(port, server.pid)
            quiet = asyncio.run(load(side, SIGNAL))
            wait_for_answer(port, PAGE)
            memory_before = memory_of(server.pid)
            for name in build_hostile_bodies():
                yield attack_figure(name, side, quiet)
            time.sleep(REST_SECONDS)
            yield memory_figure(memory_before, memory_of(server.pid))
            for name in build_large_bodies():
                yield attack_figure(name, side, quiet)
            yield crowd_figure(side)


def attack_figure(name: str, side: Side, quiet: Load) -> Figure:
    """Measure the signal while the clients send one kind of body."""
    loads, highest, finished = [], [memory_of(side.process)], Event()

    def watch() -> None:
        while not finished.wait(0.05):
            highest.append(memory_of(side.process))

    watching = Thread(target=watch)
    watching.start()
    seconds = str(ROUNDS * SECONDS + 1)
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(side.port), name, seconds], stdout=subprocess.PIPE
    ) as clients:
        time.sleep(0.5)
        loads = [asyncio.run(load(side, SIGNAL)) for _ in range(ROUNDS)]
        answers, _ = json.loads(clients.communicate()[0])
    finished.set()
    watching.join()
    worst = max(result.p99 for result in loads)
    return Figure(
        f"GET /signal/index, {CONNECTIONS} connections, beside {CLIENTS} of {name}",
        f"{min(result.rate for result in loads):.0f}/s, p99 {worst:.1f} ms, {max(highest):.0f} MiB",
        f"{quiet.rate:.0f}/s, p99 {quiet.p99:.1f} ms (quiet)",
        f"{worst / P99:.2f} of {P99:g} ms, {max(highest) / MEMORY:.2f} of {MEMORY} MiB",
        f"answered {answers}, load {os.getloadavg()[0]:.1f}",
    )


def memory_figure(memory_before: float, memory_after: float) -> Figure:
    return Figure(
        f"the serving process, {REST_SECONDS:g} s after such bodies",
        f"{memory_after:.0f} MiB resident",
        f"{memory_before:.0f} MiB before",
        f"{memory_after - memory_before:.0f} of {MEMORY_LEFT} MiB more",
        f"load {os.getloadavg()[0]:.1f}",
    )


def crowd_figure(side: Side) -> Figure:
    """Measure a history that many clients request again and again."""
    command = [sys.executable, "-m", __name__, str(side.port), PAGE, str(ROUNDS * SECONDS)]
    answers, slowest = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    )
    return Figure(
        f"history of 10,000 rows, {CROWD} connections",
        f"{sum(answers.values()) / (ROUNDS * SECONDS):.0f} answers/s, slowest {slowest:.0f} ms",
        f"{PATIENCE:g} ms",
        f"{slowest / PATIENCE:.2f}",
        f"answered {answers}, load {os.getloadavg()[0]:.1f}",
    )


async def send(port: int, request: bytes) -> str:
    """Send a request and return the status of its answer, or that the connection was cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        return head[9:12].decode()
    except (ConnectionError, asyncio.IncompleteReadError):
        return "cut off"
    finally:
        writer.close()


async def attack(port: int, name: str, seconds: float) -> tuple[Counter[str], float]:
    """Send one kind of request from all clients for some seconds.

    Returns the statuses with their counts, and the milliseconds of the slowest answer.
    """
    if name == PAGE:
        clients, request = CROWD, f"GET {name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    else:
        path, content, share = (build_hostile_bodies() | build_large_bodies())[name]
        kind = "text/csv" if path.startswith(FILE) else "application/json"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        clients, request = CLIENTS, head.encode() + content[: int(share * len(content))]
    answers, slowest, end = Counter[str](), 0.0, time.monotonic() + seconds

    async def repeat() -> None:
        nonlocal slowest
        while time.monotonic() < end:
            began = time.monotonic()
            answers[await send(port, request)] += 1
            slowest = max(slowest, 1000 * (time.monotonic() - began))

    try:
        async with asyncio.timeout(seconds + 5):
            await asyncio.gather(*(repeat() for _ in range(clients)))
    except TimeoutError:
        answers["none"] = clients
    return answers, slowest


if __name__ == "__main__":
    print(json.dumps(asyncio.run(attack(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))))
