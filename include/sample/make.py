"""Write the two CSVs of this folder from the sample market: python include/sample/make.py

They are the same on every run, and say nothing about any real market.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent.parent))
os.environ.pop("BULLION_SAMPLE_DIRT", None)

import pyarrow as pa  # noqa: E402
import pyarrow.compute as pc  # noqa: E402
from pyarrow import csv  # noqa: E402

from pipelines.core.calendar import interval_of, utc  # noqa: E402
from pipelines.sources.base import Request  # noqa: E402
from pipelines.sources.sample import Sample  # noqa: E402

OPTIONS = csv.WriteOptions(quoting_style="none")


def read_bars(symbol: str, interval: str, start: str, end: str) -> pa.Table:
    """Return the sample's bars of one symbol."""
    sample = Sample()
    request = Request((symbol,), interval_of(interval), utc(start), utc(end), utc(end))
    return pa.concat_tables(sample.parse(answer).bars for answer in sample.fetch(request))


def rounded(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a column: prices to the cent, volumes whole."""
    return pc.cast(table[name], pa.int64()) if name == "volume" else pc.round(table[name], 2)


def write_five_minutes(folder: Path, start: str, end: str) -> None:
    """Write AAPL as a broker exports it: New York time without an offset, columns of its own."""
    bars = read_bars("AAPL", "5m", start, end)
    local = pc.local_timestamp(bars["ts"].cast(pa.timestamp("s", tz="America/New_York")))
    columns = {
        "Date": pc.strftime(local, "%m/%d/%Y"),
        "Time": pc.strftime(local, "%H:%M"),
        **{n: rounded(bars, n.lower()) for n in ("Open", "High", "Low", "Close", "Volume")},
    }
    csv.write_csv(pa.table(columns), folder / "aapl_5m.csv", OPTIONS)


def write_hours(folder: Path, start: str, end: str) -> None:
    """Write QQQ as a script writes it: UTC, and Bullion's own names."""
    bars = read_bars("QQQ", "1h", start, end)
    columns = {
        "ts": pc.strftime(bars["ts"].cast(pa.timestamp("s", tz="UTC")), "%Y-%m-%dT%H:%M:%SZ"),
        **{n: rounded(bars, n) for n in ("open", "high", "low", "close", "volume")},
    }
    csv.write_csv(pa.table(columns), folder / "qqq_1h.csv", OPTIONS)


def write_files(folder: Path) -> None:
    """Write both files as they are committed."""
    write_five_minutes(folder, "2026-08-03", "2026-09-26")
    write_hours(folder, "2025-01-02", "2026-09-26")


if __name__ == "__main__":
    write_files(FOLDER)
