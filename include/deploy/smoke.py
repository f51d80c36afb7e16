"""Bars in, signal out, in about a minute: python -m include.deploy.smoke [--api URL].

Brings the sample market in, trains as of the last session but one, holds the model's file to the
SHA-256 that the lake knows, scores what has closed since, and asks the API for the signal. All of
it is done on a lake of its own that is gone afterwards. With --api it is done on the lake and the
MLflow of the environment, and the signal is asked for at that address: the sample's rows stay.
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
    """The closes of the sessions of late, the newest last."""
    from pipelines.core.calendar import calendar
    from pipelines.core.intervals import interval_of

    found = calendar().closed_bars(interval_of("1d"), now - timedelta(days=21), now)
    return [close.replace(tzinfo=UTC) for close in found.closes_at.tolist()]


def bullion(environment: Mapping[str, str], *words: str) -> None:
    """A command of ours, with what it says."""
    print(f"$ bullion {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "pipelines.cli", *words]
    done = subprocess.run(command, env=dict(environment), cwd=ROOT, check=False)  # noqa: S603
    if done.returncode:
        raise SmokeError(f"bullion {words[0]} failed", "see what it said above")


def hold(environment: Mapping[str, str]) -> str:
    """The newest model's file is what the lake says it is; its SHA-256."""
    from pipelines.forecasts import forecast
    from pipelines.lake import Lake
    from pipelines.registry.mlflow import Registry, model_name

    default = settings()
    where = Settings(
        lake_catalog=environment.get("BULLION_LAKE_CATALOG", default.lake_catalog),
        lake_data=environment.get("BULLION_LAKE_DATA", default.lake_data),
    )
    with Lake(where, read_only=True) as lake:
        [(version, said)] = lake.rows(
            "SELECT model_version, sha256 FROM gold.model_decisions "
            "WHERE forecast = ? AND source = ? ORDER BY decided_at DESC LIMIT 1",
            [FORECAST, SOURCE],
        )
    registry = Registry(environment.get("MLFLOW_TRACKING_URI"))
    found = hashlib.sha256(
        registry.load(model_name(forecast(FORECAST).target_forecast()), version).body
    ).hexdigest()
    if found != said:
        raise SmokeError(f"version {version} is {found[:12]}, the lake says {said[:12]}")
    print(f"version {version} is what was registered: SHA-256 {said}", flush=True)
    return found


@contextmanager
def served(environment: Mapping[str, str]) -> Iterator[str]:
    """The address of an API of our own."""
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
    """The newest signal, as the API gives it, once it is that of the newest bar."""
    import httpx

    key = os.environ.get("BULLION_API_KEYS", "").split(",")[0].strip()
    headers = {"X-API-Key": key} if key else {}
    said, deadline = "no answer", time.monotonic() + ANSWERS_WITHIN
    with httpx.Client(base_url=api, headers=headers, timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                answer = client.get("/signal/index", params={"universe": UNIVERSE})
                said = answer.text
                if answer.is_success:
                    told: dict[str, Any] = answer.json()
                    if datetime.fromisoformat(told["closes_at"]) == closes_at:
                        return told
            time.sleep(0.5)
    raise SmokeError(f"{api}/signal/index gives no signal of {closes_at:%Y-%m-%d %H:%M}: {said}")


def smoke(environment: Mapping[str, str], api: str = "") -> None:
    """All of it."""
    now = datetime.now(UTC)
    before, newest = sessions(now)[-2:]
    span = ("--start", f"{now - timedelta(days=DAYS):%Y-%m-%d}", "--end", now.isoformat())
    source = ("--source", SOURCE)
    bullion(environment, "ingest", *source, "--universe", UNIVERSE, "--interval", "1h", *span)
    dated = ("--as-of", before.isoformat())
    bullion(environment, "weights", *source, "--universe", UNIVERSE, *dated)
    bullion(environment, "train", FORECAST, *source, *dated)
    hold(environment)
    between = ("--start", before.isoformat(), "--end", newest.isoformat())
    bullion(environment, "score", FORECAST, *source, *between)
    bullion(environment, "verify")
    with nullcontext(api) if api else served(environment) as where:
        told = signal(where, newest)
    print(f"{told['instrument']}: {told['signal']}, weighted sentiment {told['wss']:+.3f}")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.deploy.smoke", description=__doc__)
    parser.add_argument("--api", default="", help="address of a running API on the same lake")
    asked = parser.parse_args()
    began = time.monotonic()
    try:
        if asked.api:
            if settings().source != SOURCE:
                raise InvalidRequest(
                    f"the API serves {settings().source}, and the smoke test asks for {SOURCE}",
                    f"ask the API itself, or start it with BULLION_SOURCE={SOURCE}",
                )
            smoke(os.environ, asked.api)
        else:
            with tempfile.TemporaryDirectory(prefix="bullion-smoke-") as folder:
                smoke(own(Path(folder)))
    except BullionError as error:
        print(f"smoke: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  -> {error.hint}", file=sys.stderr)
        return 1
    print(f"smoke: all is well, {time.monotonic() - began:.0f} s")
    return 0


def own(folder: Path) -> dict[str, str]:
    """The environment of a lake of our own; nothing that was set for another is seen."""
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
