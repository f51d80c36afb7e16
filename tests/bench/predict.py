"""POST /predict with 25 bars over a real uvicorn on loopback, beside a bare FastAPI echo route.

Both servers run at once, one worker each, and are asked in turn over one connection that stays
open, so that whatever else the machine does meets both alike. The model is a forest of the usual
size.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.lake import Lake
from pipelines.modeling.onnx import to_onnx
from pipelines.registry import Registry
from pipelines.settings import Settings
from tests.bench.measure import Figure
from tests.bench.scoring import END, START, described, trained
from tests.models import decide, kept

BARS, ROUNDS, WARM = 25, 1500, 100
P50, P99 = 5.0, 15.0  # milliseconds
MEMORY, READY = 300, 3.0  # MiB, seconds
ECHO = """
import sys, uvicorn
from fastapi import FastAPI, Request
app = FastAPI()
@app.post("/predict")
async def echo(sent: dict) -> dict:
    return sent
@app.get("/health")
def health() -> dict:
    return {}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
"""


def figures() -> Iterator[Figure]:
    model = trained()
    told = {"forecast": FORECAST.name, "definition": FORECAST.definition}
    content = to_onnx(model, replace(described(model), more=told))
    with tempfile.TemporaryDirectory() as folder:
        env = _lake(Path(folder), content)
        port, other = _ports(2)
        with (
            _server(["-m", "serving"], env | {"BULLION_API_PORT": str(port)}, port) as (
                ours,
                ready,
            ),
            _server(["-c", ECHO, str(other)], {}, other),
        ):
            first, echo = HTTPConnection("127.0.0.1", port), HTTPConnection("127.0.0.1", other)
            mine, theirs = _in_turn(first, echo, _body())
            resident = _resident(ours.pid)
    p50, p99 = np.quantile(mine, [0.5, 0.99])
    floor50, floor99 = np.quantile(theirs, [0.5, 0.99])
    yield Figure(
        f"POST /predict, {BARS} bars, p50 and p99",
        f"{p50:.1f} and {p99:.1f} ms (targets {P50:g} and {P99:g})",
        f"{floor50:.1f} and {floor99:.1f} ms (a bare echo)",
        f"{p50 / floor50:.1f}",
        f"{ROUNDS} requests, load {os.getloadavg()[0]:.1f}",
    )
    yield Figure(
        "the serving process",
        f"{resident:.0f} MiB resident, first answer after {ready:.1f} s",
        f"at most {MEMORY} MiB, {READY:g} s",
        f"{resident / MEMORY:.2f}",
        f"a forest of {len(content) / 1e6:.1f} MB of ONNX serves",
    )


def _lake(folder: Path, content: bytes) -> dict[str, str]:
    config = Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")
    with Lake(config) as lake:
        made = kept(Registry(folder=folder / "mlflow"), FORECAST, content)
        decide(lake, FORECAST, "sample", made, END - timedelta(days=1))
    return {
        "BULLION_LAKE_CATALOG": config.lake_catalog,
        "BULLION_LAKE_DATA": config.lake_data,
        "BULLION_SOURCE": "sample",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow/mlflow.db",
    }


def _body() -> bytes:
    from pipelines.sources.sample import Sample
    from tests.steps.markets import bars_of

    found = bars_of(Sample(), FORECAST.symbols[:1], FORECAST, START, END).slice(0, BARS)
    names = ("open", "high", "low", "close", "volume")
    rows = found.to_pylist()
    bars = [{n: row[n] for n in names} | {"ts": row["ts"].isoformat()} for row in rows]
    return json.dumps({"symbol": FORECAST.symbols[0], "interval": "1h", "bars": bars}).encode()


def _ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def _server(
    command: list[str], env: dict[str, str], port: int
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    start = time.perf_counter()
    running = subprocess.Popen(
        [sys.executable, *command], env=os.environ | env, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                if running.poll() is not None or time.perf_counter() - start > 60:
                    raise SystemExit(f"{command[:2]} does not start") from None
                time.sleep(0.02)
        client = HTTPConnection("127.0.0.1", port)
        client.request("GET", "/health")
        client.getresponse().read()
        yield running, time.perf_counter() - start
    finally:
        running.terminate()
        running.wait(20)


def _in_turn(
    ours: HTTPConnection, peer: HTTPConnection, body: bytes
) -> tuple[list[float], list[float]]:
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM + ROUNDS):
        for client, times in zip((ours, peer), taken, strict=True):
            start = time.perf_counter()
            client.request("POST", "/predict", body, {"content-type": "application/json"})
            answer = client.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise SystemExit(said.decode())
            if number >= WARM:
                times.append(1000 * (time.perf_counter() - start))
    return taken


def _resident(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
