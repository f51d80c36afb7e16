"""Bars are read from Parquet as from CSV."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.files.folder import opens, parse_file

EXAMPLE = Path(__file__).resolve().parents[3] / "include" / "sample"
HEAD = "ts,open,high,low,close,volume\n"


@pytest.mark.parametrize(
    "times",
    [
        pa.array([datetime(2020, 1, 2, 9, 30)], pa.timestamp("ns")),
        pa.array([datetime(2020, 1, 2, 14, 30, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo")),
        pa.array([1577975400], pa.int64()),
        pa.array(["2020-01-02 09:30:00-05:00"]),
    ],
)
def test_parquet_with_times_of_any_type(tmp_path, times):
    prices = {c: pa.array([1]) for c in ("open", "high", "low", "close")}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({**prices, "Date": times}), sink)
    parsed = parse_file(tmp_path, sink.getvalue().to_pybytes(), timezone="America/New_York")
    assert opens(parsed) == ["2020-01-02 14:30"]
    assert parsed.bars["volume"].to_pylist() == [None]
