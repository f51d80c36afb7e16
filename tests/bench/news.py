"""100,000 stories of the sample to silver, and 1,000 more on top of them beside 1,000 alone.

The ratio is one of processor seconds, of all threads, which a busy machine changes less.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

from pipelines.core.calendar import utc
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.landing.story_url import canonical_url
from pipelines.sources.sample import Sample
from pipelines.steps import ingest_news
from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure, run_child

START = utc("2026-06-01")
SPAN = timedelta(days=104)  # of 100,000 stories
MORE = timedelta(hours=21)  # of about 1,000
NOW = utc("2026-11-01")
TIMES = 15


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        run = run_child("tests.bench.news", folder)
        processor, alone, on_top = (float(part) for part in run.note.split()[:3])
        ratios = sorted(float(part) for part in run.note.split()[3:-1])
        count = int(run.note.split()[-1])
    yield Figure(
        f"{count:,} stories to silver",
        f"{run.seconds:.1f} s, {run.peak_mib:.0f} MiB",
        "60 s, 2,048 MiB (asked)",
        f"{run.seconds / 60:.2f}",
        f"{processor:.1f} s of processor; deduplication and tones included",
    )
    yield Figure(
        "1,000 stories more, on top of them",
        f"{on_top:.3f} s of processor",
        f"{alone:.3f} s (into an empty lake)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{TIMES} days in turn",
    )


def time_ingest(lake: Lake, number: int) -> float:
    """Return the processor seconds of a day more."""
    start = START + SPAN + timedelta(days=number)
    canonical_url.cache_clear()  # the other lake has had the same stories
    begin = time.process_time()
    report = ingest_news(lake, Sample(), "sp500", start, start + MORE, as_of=NOW)
    report.enforce()
    return time.process_time() - begin


def open_bench(folder: Path) -> Lake:
    return open_lake(
        Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")
    )


def main(folder: str) -> None:
    with open_bench(Path(folder) / "full") as lake:
        begin, begin_processor = time.perf_counter(), time.process_time()
        report = ingest_news(lake, Sample(), "sp500", START, START + SPAN, as_of=NOW)
        report.enforce()
        seconds = time.perf_counter() - begin
        processor = time.process_time() - begin_processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        alone, on_top = [], []
        for number in range(TIMES):
            with open_bench(Path(folder) / f"empty{number}") as empty:
                alone.append(time_ingest(empty, number))
            on_top.append(time_ingest(lake, number))
    ratios = [f"{b / a:.4f}" for a, b in zip(alone, on_top, strict=True)]
    parts = [
        f"{processor:.4f}",
        f"{median(alone):.4f}",
        f"{median(on_top):.4f}",
        *ratios,
        report.counts["accepted"],
    ]
    note = " ".join(map(str, parts))
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "note": note}))


if __name__ == "__main__":
    main(*sys.argv[1:])
