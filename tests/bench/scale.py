"""What grows how: many symbols of 1-minute bars from files to silver, features and a verification.

python -m tests.bench.scale [--symbols 50] [--years 5] [--page]

A quarter of the symbols is run before the whole, each step in a process of its own, so that time
and memory of both sizes say how a step grows. The last line extrapolates to 500 symbols over five
years by the growth that was measured. `--page` writes the table into include/deploy/SCALE.md. It is
no part of `make bench`: 50 symbols over five years take a while, and some 5 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.core.settings import ROOT

PAGE = ROOT / "include" / "deploy" / "SCALE.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
WHOLE = 250_000_000  # 500 symbols over five years, of 390 minutes a session
NEWEST = datetime(2026, 6, 1, tzinfo=UTC)
LIMIT_MIB = 8 * 1024
STEPS = ("ingest", "features", "verify")


@dataclass(frozen=True)
class Measured:
    """One step over some bars: its seconds, its processor's, and what it held at most."""

    step: str
    bars: int
    seconds: float
    cpu: float
    peak_mib: float
    disk_mib: float

    def cells(self) -> str:
        return (
            f"| {self.step} | {self.bars:,} | {self.seconds:.0f} s | {self.cpu:.0f} s | "
            f"{self.peak_mib:.0f} MiB | {self.disk_mib:.0f} MiB |"
        )


def write_bars(folder: Path, symbols: int, years: float) -> int:
    """Write a Parquet file of drawn bars a symbol, with the mapping of the files source."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.core.calendar import calendar, interval_of

    grid = calendar().bars(interval_of("1m"), NEWEST - timedelta(days=365.25 * years), NEWEST)
    ts = pa.array(grid.ts.astype("datetime64[us]")).cast(pa.timestamp("us", "UTC"))
    random, lines = np.random.default_rng(7), ["series:"]
    for number in range(symbols):
        close = np.round(100 * np.exp(np.cumsum(random.normal(0, 2e-4, len(grid)))), 4)
        open_ = np.round(close * (1 + random.normal(0, 1e-4, len(grid))), 4)
        columns = {
            "ts": ts,
            "open": open_,
            "high": np.round(np.maximum(open_, close) * 1.0001, 4),
            "low": np.round(np.minimum(open_, close) * 0.9999, 4),
            "close": close,
            "volume": random.integers(1, 5000, len(grid)),
        }
        pq.write_table(pa.table(columns), folder / f"{name_of(number)}.parquet")
        lines += [
            f'  - files: "{name_of(number)}.parquet"',
            f"    symbol: {name_of(number)}",
            "    interval: 1m",
            "    timezone: UTC",
        ]
    (folder / "bars.yaml").write_text("\n".join(lines) + "\n")
    universes = folder / "universes"
    universes.mkdir()
    rows = [f"{name_of(number)},{name_of(number)},None,," for number in range(symbols)]
    text = ["# Drawn.", "# index = SCALE", "# instrument = SCALE", "symbol,name,sector,from,to"]
    (universes / "scale.csv").write_text("\n".join([*text, *rows]) + "\n")
    return len(grid) * symbols


def name_of(number: int) -> str:
    return f"S{number:03d}"


def run_step(step: str, folder: str, bars: str) -> None:
    """Run one step over the lake of a folder; print what it took as JSON."""
    from pipelines.core.calendar import interval_of
    from pipelines.core.settings import settings
    from pipelines.forecasts import NASDAQ100_HOURLY
    from pipelines.lake import Lake
    from pipelines.lake.verification import verify
    from pipelines.sources.files import Files
    from pipelines.steps import ingest
    from pipelines.steps.data.features import refresh_features

    targets = tuple(replace(target, combinations=()) for target in NASDAQ100_HOURLY.targets)
    forecast = replace(
        NASDAQ100_HOURLY, name="scale_1m", universe="scale", interval="1m", targets=targets
    )
    with Lake(settings(), feature_tables=(forecast.table,)) as lake:
        began, cpu = time.perf_counter(), time.process_time()
        if step == "ingest":
            report = ingest(lake, Files(Path(folder)), (), interval_of("1m"), None, NEWEST)
            report.enforce()
            assert report.counts["accepted"] == int(bars), report.counts
        elif step == "features":
            assert refresh_features(lake, forecast, "files").written == int(bars)
        else:
            assert not verify(lake).problems
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    files = Path(folder, "lake").rglob("*")
    disk = sum(file.stat().st_size for file in files if file.is_file()) / 2**20
    print(json.dumps(Measured(step, int(bars), seconds, cpu, peak, disk).__dict__))


def measure(symbols: int, years: float) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        bars = write_bars(Path(folder), symbols, years)
        env = os.environ | {
            "BULLION_LAKE_CATALOG": f"sqlite:{folder}/lake/catalog.sqlite",
            "BULLION_LAKE_DATA": f"{folder}/lake/files",
            "BULLION_UNIVERSES": f"{folder}/universes",
        }
        for step in STEPS:
            answer = subprocess.run(
                [sys.executable, "-m", "tests.bench.scale", "--step", step, folder, str(bars)],
                env=env, check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            yield Measured(**json.loads(answer.stdout.splitlines()[-1]))


def extrapolate(small: Measured, large: Measured, bars: int = WHOLE) -> Measured:
    """Return what a step would take, by the power with which it grew between two sizes."""

    def grow(name: str) -> float:
        low, high = max(getattr(small, name), 1e-3), max(getattr(large, name), 1e-3)
        power = max(0.0, math.log(high / low) / math.log(large.bars / small.bars))
        return float(high * (bars / large.bars) ** power)

    return Measured(
        large.step, bars, *(grow(n) for n in ("seconds", "cpu", "peak_mib", "disk_mib"))
    )


def describe(small: list[Measured], large: list[Measured]) -> str:
    """Return the table of what was measured and what follows from it."""
    cores, load = os.cpu_count(), os.getloadavg()[0]
    rows = [
        (f"{m.cells()[:-1]}| {'yes' if m.peak_mib <= LIMIT_MIB else 'no'} |")
        for pair in zip(small, large, strict=True)
        for m in (*pair, extrapolate(*pair))
    ]
    return "\n".join(
        [
            "| step | bars | time | of a core | memory at most | lake on disk | within 8 GiB |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"Measured on {cores} cores, load {load:.1f} at the end; the lines of {WHOLE:,} bars "
            "are extrapolated.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--years", type=float, default=5.0)
    parser.add_argument("--part", type=int, default=4, help="the smaller run has one in so many")
    parser.add_argument("--page", action="store_true", help="write the table into SCALE.md")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        run_step(*options.step)
        return
    small = list(measure(max(1, options.symbols // options.part), options.years))
    large = list(measure(options.symbols, options.years))
    table = describe(small, large)
    print(table)
    if options.page:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
