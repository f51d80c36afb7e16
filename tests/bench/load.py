"""1.7 million 1-minute bars: from CSV to checked silver, beside DuckDB's bare COPY to Parquet.

Every time of the CSV carries its offset, and the making of the exchange calendar is counted. Not
counted: the imports at the head of our modules, and DuckDB's.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure, compare_runs, run_child

ROUNDS = 3
MAPPING = """series:
  - files: "es_1m.csv"
    symbol: ES
    interval: 1m
    timezone: UTC
"""


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        rows = write_csv(Path(folder) / "es_1m.csv")
        (Path(folder) / "bars.yaml").write_text(MAPPING)
        own_runs, peer_runs = [], []
        for number in range(ROUNDS):
            own_runs.append(run_child("tests.bench.load", "ours", folder, f"{folder}/lake{number}"))
            peer_runs.append(
                run_child("tests.bench.load", "peer", folder, f"{folder}/{number}.parquet")
            )
    yield compare_runs(
        f"{rows:,} minutes, CSV to checked silver", own_runs, peer_runs, "DuckDB COPY"
    )


def write_csv(path: Path) -> int:
    from pipelines.core.calendar import calendar, interval_of, utc

    grid = calendar().bars(interval_of("1m"), utc("2009-01-01"), utc("2026-06-01"))
    count = len(grid)
    random = np.random.default_rng(7)
    close = np.round(2000 * np.exp(np.cumsum(random.normal(0, 2e-4, count))), 2)
    open_ = np.round(close * (1 + random.normal(0, 1e-4, count)), 2)
    times = np.char.replace(grid.ts.astype("datetime64[s]").astype(str), "T", " ")
    table = pa.table(
        {
            "ts": np.char.add(times, "+00:00"),
            "open": open_,
            "high": np.round(np.maximum(open_, close) + 0.25, 2),
            "low": np.round(np.minimum(open_, close) - 0.25, 2),
            "close": close,
            "volume": random.integers(1, 5000, count),
        }
    )
    pyarrow.csv.write_csv(table, path)
    return count


def run_own(folder: str, lake_folder: str) -> None:
    from pipelines.core.calendar import interval_of, utc
    from pipelines.core.settings import Settings
    from pipelines.sources import source
    from pipelines.sources.files import Files
    from pipelines.steps import ingest

    assert source("files").name == "files"
    config = Settings(
        lake_catalog=f"sqlite:{lake_folder}/catalog.sqlite", lake_data=f"{lake_folder}/files"
    )
    with open_lake(config) as lake:
        start = time.perf_counter()
        report = ingest(lake, Files(Path(folder)), (), interval_of("1m"), None, utc("2026-06-02"))
        report.enforce()
        print_run(start, f"{report.counts['accepted']:,} accepted")


def run_peer(folder: str, target: str) -> None:
    import duckdb

    connection = duckdb.connect()
    start = time.perf_counter()
    connection.execute(
        f"COPY (SELECT * FROM read_csv('{folder}/es_1m.csv')) TO '{target}' (FORMAT parquet)"
    )
    print_run(start, "")


def print_run(start: float, note: str) -> None:
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "note": note}))


if __name__ == "__main__":
    {"ours": run_own, "peer": run_peer}[sys.argv[1]](*sys.argv[2:])
