"""A symbol's newest features from the API beside Feast's online read of the same on Redis.

All are asked for one symbol again and again by one caller, and their answers decoded: the API over
a connection that stays; Feast's own server the same way; and Feast's library, without any server,
in the process that reads Redis. All answers must be equal.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from pipelines.core.settings import ROOT
from pipelines.steps.data.feature_store import materialize, write_repository
from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure
from tests.servers import redis
from tests.servers.ports import free_port
from tests.serving.process import environment_of, run_server, wait_for_answer
from tests.serving.scored_api import SOURCE, build_folder
from tests.steps.scored_market import HOURLY, SYMBOLS

FEAST = ROOT / ".venv-feast" / "bin"
READER = ROOT / "tests" / "integration" / "feast_reader.py"
SECONDS, ROUNDS, GOAL = 3.0, 3, 0.2
PATH = f"/forecasts/{HOURLY.name}/features?symbol={SYMBOLS[0]}"
GET = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
BODY = json.dumps({"feature_service": HOURLY.name, "entities": {"symbol": [SYMBOLS[0]]}})
POST = (
    "POST /get-online-features HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
).encode()


def figures() -> Iterator[Figure]:
    if reason := redis.missing() or ("" if FEAST.is_dir() else "make install-feast first"):
        yield Figure("features, beside Feast", "-", "-", "-", reason)
        return
    with tempfile.TemporaryDirectory() as folder, redis.redis() as address:
        lake_folder, store = Path(folder, "lake"), Path(folder, "store")
        lake_folder.mkdir()
        build_folder(lake_folder)
        port = free_port()
        env = environment_of(lake_folder, port)
        os.environ.update({name: env[name] for name in env if name != "BULLION_API_PORT"})
        with open_lake(read_only=True) as lake:
            views = write_repository(lake, [HOURLY], SOURCE, store, redis=address)
        materialize(store, views, FEAST / "feast")
        with run_server("-m", "serving", env=env), serve_feast(store) as feast_port:
            features = wait_for_answer(port, PATH).json()["features"]
            own, server, library = [], [], []
            for _ in range(ROUNDS):
                own.append(median(time_calls(port, GET, read_own, features)))
                server.append(median(time_calls(feast_port, POST, read_feast, features)))
                library.append(median(time_library(store, features)))
    yield compare("Feast's server on Redis, over HTTP", own, server, len(features))
    yield compare("Feast's library on Redis, without a server", own, library, len(features))


def compare(peer_name: str, own: list[float], peer: list[float], features: int) -> Figure:
    ratios = sorted(a / b for a, b in zip(own, peer, strict=True))
    return Figure(
        f"newest {features} features of a symbol, one caller",
        f"{1e6 * median(own):.0f} us over HTTP",
        f"{1e6 * median(peer):.0f} us ({peer_name})",
        f"{median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
        f"at most {GOAL:g}, load {os.getloadavg()[0]:.1f}",
    )


@contextmanager
def serve_feast(store: Path) -> Iterator[int]:
    """Run Feast's own server, as its users do, until the end of the block."""
    port = free_port()
    command = [FEAST / "feast", "--chdir", store, "serve", "--host", "127.0.0.1", "--port",
               str(port), "--no-access-log"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)  # fmt: skip
    try:
        wait_for_answer(port, "/health")
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def time_calls(
    port: int, request: bytes, read: Callable[[Any], dict[str, Any]], features: dict[str, Any]
) -> list[float]:
    """Return the seconds of each call over one connection; the first answer must be equal."""
    taken: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        deadline = time.perf_counter() + SECONDS
        while time.perf_counter() < deadline:
            began = time.perf_counter()
            connection.sendall(request)
            answer = orjson.loads(read_body(connection))
            taken.append(time.perf_counter() - began)
            assert len(taken) > 1 or read(answer) == features, "other features"
    return taken


def read_body(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), data
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return body


def read_own(answer: Any) -> dict[str, Any]:
    return dict(answer["features"])


def read_feast(answer: Any) -> dict[str, Any]:
    names = answer["metadata"]["feature_names"]
    values = {n: r["values"][0] for n, r in zip(names, answer["results"], strict=True)}
    return {name: value for name, value in values.items() if name != "symbol"}


def time_library(store: Path, features: dict[str, float | None]) -> list[float]:
    """Return the seconds of each online read of Feast, once its answer was found to be equal."""
    request, answer_file = store / "request.json", store / "answer.json"
    online = {HOURLY.name: list(SYMBOLS[:1])}
    request.write_text(json.dumps({"online": online, "seconds": SECONDS}))
    subprocess.run([FEAST / "python", READER, store, request, answer_file], check=True)
    answer = json.loads(answer_file.read_text())
    read = {name: values[0] for name, values in answer[HOURLY.name].items() if name != "symbol"}
    assert read == features, "Feast and the API give other features"
    return list(answer["taken"])
