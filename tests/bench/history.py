"""What a run costs behind years of history: a backfill of 2,000 bars, and a session's outcomes.

The outcomes of one session of minutes are computed behind one month and behind two years of bars,
predictions and signals. In CPU seconds, since a busy machine changes the others.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.measure import Figure, run_child
from tests.bench.training import print_run

if TYPE_CHECKING:
    from pipelines.forecasts import Forecast
    from pipelines.lake import Lake
    from pipelines.registry.mlflow import Registry

MODULE = "tests.bench.history"
SHORT, LONG = 1, 24  # months
ROUNDS = 5


def figures() -> Iterator[Figure]:
    backfill = run_child(MODULE, "backfill")
    summary = json.loads(backfill.note)
    yield Figure(
        f"backfill of {summary['bars']:,} bars, from features to the commit",
        f"CPU {summary['cpu']:.2f} s",
        "at most 1 s",
        f"{summary['cpu']:.2f}",
        f"by the clock {backfill.seconds:.2f} s; scored by {summary['models']} models",
    )
    long_run, short_run = (run_child(MODULE, "outcomes", str(n)) for n in (LONG, SHORT))
    long_cpu, short_cpu = (json.loads(run.note)["cpu"] for run in (long_run, short_run))
    yield Figure(
        f"outcomes of a session of minutes, {LONG} months behind it",
        f"CPU {long_cpu:.2f} s",
        f"CPU {short_cpu:.2f} s ({SHORT} month behind it)",
        f"{long_cpu / short_cpu:.2f}",
        f"at most 1.2; by the clock {long_run.seconds:.2f} s and {short_run.seconds:.2f} s",
    )


@cache
def minute_forecast() -> Forecast:
    from pipelines.forecasts import NVDA_5M

    return replace(NVDA_5M, name="nvda_1m", interval="1m")


@contextmanager
def _market(forecast: Forecast, start: datetime, end: datetime) -> Iterator[tuple[Lake, Registry]]:
    """A lake with the sample's bars and their features, and a registry."""
    from pipelines.lake import Lake
    from pipelines.registry.mlflow import Registry
    from pipelines.sources.sample import Sample
    from pipelines.steps import ingest, refresh_features
    from tests import empty_lake

    with tempfile.TemporaryDirectory() as folder:
        config = empty_lake.at(Path(folder))
        with Lake(config, feature_tables=(forecast.table,)) as lake:
            ingest(lake, Sample(), forecast.symbols, forecast.bar, start, end)
            refresh_features(lake, forecast, "sample")
            yield lake, Registry(folder=Path(folder) / "mlflow")


def _decide(
    lake: Lake, registry: Registry, forecast: Forecast, version: int, as_of: datetime
) -> None:
    from tests import models

    body = models.body(forecast, version)
    model = models.store_verified(registry, forecast, body, version)
    models.decide(lake, forecast, "sample", model, as_of)


def run_backfill() -> None:
    from pipelines.core.calendar import utc
    from pipelines.forecasts import NVDA_5M
    from pipelines.steps.scoring.score import score

    end, number = utc("2026-08-25"), 3
    start = utc("2026-07-20")
    with _market(NVDA_5M, start - timedelta(days=60), end) as (lake, registry):
        for version in range(1, number + 1):
            _decide(lake, registry, NVDA_5M, version, start + timedelta(days=7 * version - 14))
        times = []
        for _ in range(ROUNDS):
            began, busy = time.perf_counter(), time.process_time()
            report = score(
                lake, registry, NVDA_5M, "sample", start=start, end=end,
                now=end + timedelta(days=9),
            )  # fmt: skip
            times.append((time.process_time() - busy, time.perf_counter() - began))
    cpu, seconds = (median(column) for column in zip(*times, strict=True))
    note = {"cpu": cpu, "bars": report.scored, "models": len(report.versions["action"])}
    print_run(seconds, json.dumps(note))


def run_outcomes(months: str) -> None:
    from pipelines.core.calendar import utc
    from pipelines.sources.sample import Sample
    from pipelines.steps import ingest
    from pipelines.steps.scoring.outcomes import refresh_outcomes
    from pipelines.steps.scoring.score import score

    forecast, end = minute_forecast(), utc("2026-08-17")
    start = end - timedelta(days=30 * int(months))
    with _market(forecast, start, end) as (lake, registry):
        _decide(lake, registry, forecast, 1, start + timedelta(days=3))
        later = end + timedelta(days=30)
        score(lake, registry, forecast, "sample", start=start, end=end, now=later)
        refresh_outcomes(lake, registry, forecast, "sample")
        times = []
        for day in range(ROUNDS):
            since = end + timedelta(days=day)
            until = since + timedelta(days=1)
            ingest(lake, Sample(), forecast.symbols, forecast.bar, since, until)
            score(lake, registry, forecast, "sample", start=since, end=until, now=later)
            began, busy = time.perf_counter(), time.process_time()
            report = refresh_outcomes(lake, registry, forecast, "sample")
            assert report.written
            times.append((time.process_time() - busy, time.perf_counter() - began))
    cpu, seconds = (median(column) for column in zip(*times, strict=True))
    print_run(seconds, json.dumps({"cpu": cpu}))


if __name__ == "__main__":
    {"backfill": run_backfill, "outcomes": run_outcomes}[sys.argv[1]](*sys.argv[2:])
