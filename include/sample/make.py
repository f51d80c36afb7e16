"""Write the two CSVs of this folder from the sample market: python include/sample/make.py

They are the same on every run, and say nothing about any real market.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
os.environ.pop("BULLION_SAMPLE_DIRT", None)

import pyarrow as pa  # noqa: E402
import pyarrow.compute as pc  # noqa: E402
from pyarrow import csv  # noqa: E402

from pipelines.core.calendar import interval_of, utc  # noqa: E402
from pipelines.sources.base import Request  # noqa: E402
from pipelines.sources.sample import Sample  # noqa: E402

OPTIONS = csv.WriteOptions(quoting_style="none")


def bars(symbol: str, interval: str, start: str, end: str) -> pa.Table:
    """The sample's bars of one symbol."""
    sample = Sample()
    request = Request((symbol,), interval_of(interval), utc(start), utc(end), utc(end))
    return pa.concat_tables(sample.parse(answer).bars for answer in sample.fetch(request))


def column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Prices to the cent, volumes whole."""
    return pc.cast(table[name], pa.int64()) if name == "volume" else pc.round(table[name], 2)


def main() -> None:
    # As a broker exports it: local New York time without an offset, columns of its own.
    minutes = bars("AAPL", "5m", "2026-08-03", "2026-09-26")
    local = pc.local_timestamp(minutes["ts"].cast(pa.timestamp("s", tz="America/New_York")))
    columns = {
        "Date": pc.strftime(local, "%m/%d/%Y"),
        "Time": pc.strftime(local, "%H:%M"),
        **{n: column(minutes, n.lower()) for n in ("Open", "High", "Low", "Close", "Volume")},
    }
    csv.write_csv(pa.table(columns), HERE / "aapl_5m.csv", OPTIONS)

    # As a script writes it: UTC, and our own names.
    hours = bars("QQQ", "1h", "2025-01-02", "2026-09-26")
    columns = {
        "ts": pc.strftime(hours["ts"].cast(pa.timestamp("s", tz="UTC")), "%Y-%m-%dT%H:%M:%SZ"),
        **{n: column(hours, n) for n in ("open", "high", "low", "close", "volume")},
    }
    csv.write_csv(pa.table(columns), HERE / "qqq_1h.csv", OPTIONS)


if __name__ == "__main__":
    main()
