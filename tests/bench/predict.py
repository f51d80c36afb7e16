"""POST /predict with 25 bars over a real uvicorn on loopback, beside a bare FastAPI echo route;
and POST /predict_batch with ten days of 5-minute bars.

Both servers run at once, one worker each, and are asked in turn over one connection that stays
open, so that whatever else the machine does meets both alike. The model is a forest of the usual
size.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from pipelines.core.settings import Settings
from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.forecasts import NVDA_5M as FIVE_MINUTES
from pipelines.modeling.onnx import to_onnx
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from tests import models
from tests.bench.measure import Figure
from tests.bench.scoring import END, START, describe, train_forest
from tests.models import decide, store_verified
from tests.servers.ports import free_port
from tests.serving.process import memory_of, run_server, wait_for_answer

BARS, ROUNDS, WARM = 25, 1500, 100
P50, P99 = 5.0, 15.0  # milliseconds
FILE_BARS, FILE_ROUNDS, FILE_SECONDS = 800, 20, 0.5
MEMORY, READY = 300, 3.0  # MiB, seconds
FILE_PATH = f"/forecasts/{FIVE_MINUTES.name}/predict_batch"
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
    model = train_forest()
    details = {
        "forecast": FORECAST.name,
        "definition": FORECAST.target_forecast().model_fingerprint,
    }
    content = to_onnx(model, replace(describe(model), more=details))
    with tempfile.TemporaryDirectory() as folder:
        port, echo_port = free_port(), free_port()
        env = _lake(Path(folder), content) | {"BULLION_API_PORT": str(port)}
        began = time.perf_counter()
        with (
            run_server("-m", "serving", env=env) as server,
            run_server("-c", ECHO, str(echo_port), env={}),
        ):
            wait_for_answer(port, "/health")
            ready = time.perf_counter() - began
            wait_for_answer(port, "/model-info")
            wait_for_answer(echo_port, "/health")
            first, echo = HTTPConnection("127.0.0.1", port), HTTPConnection("127.0.0.1", echo_port)
            own_times, echo_times = _in_turn(first, echo, _body())
            memory = memory_of(server.pid)
            file_times = _post_files(first)
    p50, p99 = np.quantile(own_times, [0.5, 0.99])
    floor50, floor99 = np.quantile(echo_times, [0.5, 0.99])
    yield Figure(
        f"POST /predict, {BARS} bars, p50 and p99",
        f"{p50:.1f} and {p99:.1f} ms (targets {P50:g} and {P99:g})",
        f"{floor50:.1f} and {floor99:.1f} ms (a bare echo)",
        f"{p50 / floor50:.1f} and {p99 / floor99:.1f}",
        f"{ROUNDS} requests, load {os.getloadavg()[0]:.1f}",
    )
    slowest = max(file_times)
    yield Figure(
        f"POST {FILE_PATH}, {FILE_BARS} bars",
        f"{np.median(file_times):.2f} s, at most {slowest:.2f} s",
        f"at most {FILE_SECONDS:g} s",
        f"{slowest / FILE_SECONDS:.2f}",
        f"{FILE_ROUNDS} files",
    )
    yield Figure(
        "the serving process, with a model",
        f"{memory:.0f} MiB resident, first answer after {ready:.1f} s",
        f"at most {MEMORY} MiB, {READY:g} s",
        f"{memory / MEMORY:.2f}, {ready / READY:.2f}",
        f"a forest of {len(content) / 1e6:.1f} MB of ONNX serves",
    )


def _post_files(client: HTTPConnection) -> list[float]:
    """Return the seconds that each file of 5-minute bars takes."""
    body, seconds = _file(), []
    for _ in range(FILE_ROUNDS):
        start = time.perf_counter()
        client.request("POST", FILE_PATH, body, {"content-type": "text/csv", "accept": "text/csv"})
        answer = client.getresponse()
        content = answer.read().decode()
        if answer.status != 200 or content.count("\n") != FILE_BARS + 1:
            raise SystemExit(content[:500])
        seconds.append(time.perf_counter() - start)
    return seconds


def _file() -> bytes:
    """Return a file of the newest 5-minute bars before the end of the span."""
    from pipelines.sources.sample import Sample
    from tests.steps.markets import bars_of

    start = END - timedelta(days=20)
    bars = bars_of(Sample(), FIVE_MINUTES.symbols, FIVE_MINUTES, start, END)
    names = ("ts", "open", "high", "low", "close", "volume")
    rows = bars.slice(bars.num_rows - FILE_BARS).to_pylist()
    lines = [",".join(str(row[name]) for name in names) for row in rows]
    return "\n".join([",".join(names), *lines]).encode()


def _lake(folder: Path, content: bytes) -> dict[str, str]:
    config = Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")
    with open_lake(config) as lake:
        model = store_verified(Registry(folder=folder / "mlflow"), FORECAST, content)
        decide(lake, FORECAST, "sample", model, END - timedelta(days=1))
        five_minutes = store_verified(
            Registry(folder=folder / "mlflow"), FIVE_MINUTES, models.body(FIVE_MINUTES)
        )
        decide(lake, FIVE_MINUTES, "sample", five_minutes, END - timedelta(days=1))
    return {
        "BULLION_LAKE_CATALOG": config.lake_catalog,
        "BULLION_LAKE_DATA": config.lake_data,
        "BULLION_SOURCE": "sample",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow/mlflow.db",
    }


def _body() -> bytes:
    from pipelines.sources.sample import Sample
    from tests.steps.markets import bars_of

    bars = bars_of(Sample(), FORECAST.symbols[:1], FORECAST, START, END).slice(0, BARS)
    names = ("open", "high", "low", "close", "volume")
    rows = bars.to_pylist()
    request_bars = [{n: row[n] for n in names} | {"ts": row["ts"].isoformat()} for row in rows]
    return json.dumps(
        {"symbol": FORECAST.symbols[0], "interval": "1h", "bars": request_bars}
    ).encode()


def _in_turn(
    own: HTTPConnection, peer: HTTPConnection, body: bytes
) -> tuple[list[float], list[float]]:
    times_by_client: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM + ROUNDS):
        for client, times in zip((own, peer), times_by_client, strict=True):
            start = time.perf_counter()
            client.request("POST", "/predict", body, {"content-type": "application/json"})
            answer = client.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise SystemExit(content.decode())
            if number >= WARM:
                times.append(1000 * (time.perf_counter() - start))
    return times_by_client
