"""What the checks of files cost: their share of a training, and of an hour's scoring.

Before a file of the lake is read it is compared with its checksum, once while it stays as it is.
The training here is the first reader of every file; it compares two quick candidates, so that its
share is larger than that of a training of all seven. The scoring runs follow each other as in
production: each brings an hour's bars, computes their features and scores them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from pipelines.core.calendar import calendar, utc
from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.lake import Lake
from pipelines.lake.file_guard import FileGuard
from pipelines.modeling.candidates import HistogramBoosting, Logistic
from pipelines.registry.mlflow import Registry
from pipelines.sources.sample import Sample
from pipelines.steps import ingest, ingest_weights, refresh_features
from pipelines.steps.lake import open_lake
from pipelines.steps.models.train import train
from pipelines.steps.scoring.score import score
from tests import empty_lake
from tests.bench.measure import Figure

QUICK = FORECAST.target_forecast().replace(candidates=(HistogramBoosting(), Logistic()))
SYMBOLS = FORECAST.symbols[:10]
START, END = utc("2025-09-01"), utc("2026-09-01")
HOURS = 12
LIMIT = 0.05


@dataclass
class Clock:
    """The seconds that checks took."""

    seconds: float = 0.0


def figures() -> Iterator[Figure]:
    source = Sample()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = empty_lake.at(folder)
        with empty_lake.create_lake(config) as lake:
            bring_bars(lake, source, START, END)
            ingest_weights(lake, source, "qqq", as_of=END)
            refresh_features(lake, FORECAST, source.name)
        for marks in folder.rglob("*verified*"):
            marks.unlink()  # so that every file is hashed
        registry = Registry(folder=folder / "mlflow")
        registry.experiment(FORECAST.name)  # makes MLflow's store
        with open_lake(config) as lake:
            checks, whole = measure(lambda: train(lake, registry, QUICK, source.name, as_of=END))
            yield _figure("a training, each file read for the first time", [checks], [whole])
            hours = calendar().closed_bars(FORECAST.bar, END, END + timedelta(days=9)).closes_at
            spent = [
                measure(partial(_run_hour, lake, registry, hour.replace(tzinfo=UTC)))
                for hour in hours[: HOURS + 1].tolist()
            ][1:]  # the first warms up
            yield _figure("an hour's ingest and scoring", *map(list, zip(*spent, strict=True)))


def _run_hour(lake: Lake, registry: Registry, at: datetime) -> None:
    bring_bars(lake, Sample(), at - timedelta(hours=1), at)
    report = score(lake, registry, FORECAST, "sample", start=at - timedelta(hours=1), now=at)
    assert not report.skipped, report.summary()


def bring_bars(lake: Lake, source: Sample, start: datetime, end: datetime) -> None:
    symbols = (*SYMBOLS, *FORECAST.funds)
    ingest(lake, source, symbols, FORECAST.bar, start, end, as_of=end).enforce()


def measure(job: Callable[[], object]) -> tuple[float, float]:
    """Run a job; return the seconds of its checks of files, and of all of it."""
    with timed_checks() as clock:
        start = time.perf_counter()
        job()
        return clock.seconds, time.perf_counter() - start


@contextmanager
def timed_checks() -> Iterator[Clock]:
    clock, check = Clock(), FileGuard.check

    def timed(*args: Any) -> None:
        start = time.perf_counter()
        try:
            check(*args)
        finally:
            clock.seconds += time.perf_counter() - start

    with patch.object(FileGuard, "check", timed):
        yield clock


def _figure(name: str, checks: list[float], whole: list[float]) -> Figure:
    shares = sorted(part / run for part, run in zip(checks, whole, strict=True))
    return Figure(
        f"checks of files in {name}",
        f"{1000 * median(checks):.1f} ms",
        f"{1000 * median(whole):.0f} ms (all of it)",
        f"{median(shares):.3f} ({shares[0]:.3f} to {shares[-1]:.3f})",
        f"at most {LIMIT:.2f}; {len(checks)} in turn",
    )
