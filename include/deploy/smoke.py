"""Bars in, signal out, in about a minute: python -m include.deploy.smoke [--api URL].

Brings the sample market in, trains as of the last session but one, checks the model's file against
the SHA-256 in the lake, scores what has closed since, and asks the API for the signal. All of it
happens on a temporary lake. With --api it happens on the lake and the MLflow of the environment,
and the signal is read from that address: the sample's rows stay.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.core.settings import ROOT, Settings, settings

FORECAST, SOURCE, UNIVERSE = "nasdaq100_hourly", "sample", "qqq"
DAYS = 150  # of bars that are trained on
ANSWERS_WITHIN = 60.0  # seconds


class SmokeError(BullionError):
    """A step of the smoke test failed."""


def sessions(now: datetime) -> list[datetime]:
    """Return the closes of the last sessions, the newest last."""
    from pipelines.core.calendar import calendar
    from pipelines.core.intervals import interval_of

    bars = calendar().closed_bars(interval_of("1d"), now - timedelta(days=21), now)
    return [close.replace(tzinfo=UTC) for close in bars.closes_at.tolist()]


def bullion(environment: Mapping[str, str], *words: str) -> None:
    """Run a bullion command and show its output."""
    print(f"$ bullion {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "pipelines.cli", *words]
    process = subprocess.run(command, env=dict(environment), cwd=ROOT, check=False)  # noqa: S603
    if process.returncode:
        raise SmokeError(f"bullion {words[0]} failed", "see its output above")


def check_model_file(environment: Mapping[str, str]) -> str:
    """Check the newest model's file against the lake's record; return its SHA-256."""
    from pipelines.forecasts import forecast
    from pipelines.registry.mlflow import Registry, model_name
    from pipelines.steps.lake import open_lake

    default = settings()
    where = Settings(
        lake_catalog=environment.get("BULLION_LAKE_CATALOG", default.lake_catalog),
        lake_data=environment.get("BULLION_LAKE_DATA", default.lake_data),
    )
    with open_lake(where, read_only=True) as lake:
        [(version, recorded)] = lake.rows(
            "SELECT model_version, sha256 FROM gold.model_decisions "
            "WHERE forecast = ? AND source = ? ORDER BY decided_at DESC LIMIT 1",
            [FORECAST, SOURCE],
        )
    registry = Registry(environment.get("MLFLOW_TRACKING_URI"))
    digest = hashlib.sha256(
        registry.load(model_name(forecast(FORECAST).target_forecast()), version).body
    ).hexdigest()
    if digest != recorded:
        raise SmokeError(f"version {version} is {digest[:12]}, the lake says {recorded[:12]}")
    print(f"version {version} is what was registered: SHA-256 {recorded}", flush=True)
    return digest


@contextmanager
def run_api(environment: Mapping[str, str]) -> Iterator[str]:
    """Start an API, yield its address, and stop it afterwards."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "serving"],
        env={**environment, "BULLION_API_PORT": str(port)},
        cwd=ROOT,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def signal(api: str, closes_at: datetime) -> dict[str, Any]:
    """Wait until the API has the signal of the newest bar, and return it."""
    import httpx

    key = os.environ.get("BULLION_API_KEYS", "").split(",")[0].strip()
    headers = {"X-API-Key": key} if key else {}
    last_answer, deadline = "no answer", time.monotonic() + ANSWERS_WITHIN
    with httpx.Client(base_url=api, headers=headers, timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                answer = client.get("/signal/index", params={"universe": UNIVERSE})
                last_answer = answer.text
                if answer.is_success:
                    state: dict[str, Any] = answer.json()
                    if datetime.fromisoformat(state["closes_at"]) == closes_at:
                        return state
            time.sleep(0.5)
    raise SmokeError(
        f"{api}/signal/index gives no signal of {closes_at:%Y-%m-%d %H:%M}: {last_answer}"
    )


def smoke(environment: Mapping[str, str], api: str = "") -> None:
    """Run every step, from the bars to the signal."""
    now = datetime.now(UTC)
    previous, newest = sessions(now)[-2:]
    span = ("--start", f"{now - timedelta(days=DAYS):%Y-%m-%d}", "--end", now.isoformat())
    source = ("--source", SOURCE)
    bullion(environment, "ingest", *source, "--universe", UNIVERSE, "--interval", "1h", *span)
    dated = ("--as-of", previous.isoformat())
    bullion(environment, "weights", *source, "--universe", UNIVERSE, *dated)
    bullion(environment, "train", FORECAST, *source, *dated)
    check_model_file(environment)
    between = ("--start", previous.isoformat(), "--end", newest.isoformat())
    bullion(environment, "score", FORECAST, *source, *between)
    bullion(environment, "verify")
    with nullcontext(api) if api else run_api(environment) as where:
        state = signal(where, newest)
    print(f"{state['instrument']}: {state['signal']}, weighted sentiment {state['wss']:+.3f}")


def main() -> int:
    """Run the smoke test; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.deploy.smoke", description=__doc__)
    parser.add_argument("--api", default="", help="address of a running API on the same lake")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        if options.api:
            if settings().source != SOURCE:
                raise InvalidRequest(
                    f"the API serves {settings().source}, and the smoke test asks for {SOURCE}",
                    f"ask the API itself, or start it with BULLION_SOURCE={SOURCE}",
                )
            smoke(os.environ, options.api)
        else:
            with tempfile.TemporaryDirectory(prefix="bullion-smoke-") as folder:
                smoke(own_environment(Path(folder)))
    except BullionError as error:
        print(f"smoke: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  -> {error.hint}", file=sys.stderr)
        return 1
    print(f"smoke: all is well, {time.monotonic() - began:.0f} s")
    return 0


def own_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a separate lake, without the settings of any other."""
    foreign = ("BULLION_", "MLFLOW_", "AWS_", "MODEL_URI")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        "BULLION_LAKE_CATALOG": f"sqlite:{folder / 'catalog.sqlite'}",
        "BULLION_LAKE_DATA": str(folder / "files"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "BULLION_SOURCE": SOURCE,
    }


if __name__ == "__main__":
    sys.exit(main())
