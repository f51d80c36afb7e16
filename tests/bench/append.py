"""One more hour: into a lake with a month of history, and into one with a hundred times that."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from pipelines.core.calendar import calendar, interval_of, utc
from pipelines.core.settings import Settings
from pipelines.core.universes import universe
from pipelines.lake import Lake
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure

HOUR = interval_of("1h")
NOW = utc("2026-10-01")
SPANS = {"a month": timedelta(days=30), "a hundred months": timedelta(days=3000)}
TIMES = 14


def figures() -> Iterator[Figure]:
    symbols = universe("qqq").symbols
    with tempfile.TemporaryDirectory() as folder:
        lakes = {
            name: fill_lake(Path(folder) / name.replace(" ", "_"), span, symbols)
            for name, span in SPANS.items()
        }
        opens = calendar().bars(HOUR, NOW, NOW + timedelta(days=7)).ts.tolist()
        seconds: dict[str, list[float]] = {name: [] for name in SPANS}
        for moment in opens[:TIMES]:
            at = moment.replace(tzinfo=UTC)
            for name, lake in lakes.items():
                seconds[name].append(time_ingest(lake, symbols, at))
        for lake in lakes.values():
            lake.close()
    small, large = (seconds[name] for name in SPANS)
    ratios = sorted(b / a for a, b in zip(small, large, strict=True))
    yield Figure(
        "one more hour of 10 symbols, 100 times the history",
        f"{median(large):.3f} s",
        f"{median(small):.3f} s (1 times)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{TIMES} hours in turn",
    )


def fill_lake(folder: Path, span: timedelta, symbols: tuple[str, ...]) -> Lake:
    config = Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")
    lake = open_lake(config)
    ingest(lake, Sample(), symbols, HOUR, NOW - span, NOW)
    return lake


def time_ingest(lake: Lake, symbols: tuple[str, ...], at: datetime) -> float:
    start = time.perf_counter()
    ingest(lake, Sample(), symbols, HOUR, at, at + timedelta(hours=1)).enforce()
    return time.perf_counter() - start
