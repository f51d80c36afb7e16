"""Rows for tests of the lake itself: a name and a version, in two tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pyarrow as pa

from pipelines.lake import Lake, Writer

MANY = 3000  # rows that go to a file; fewer than a thousand stay in the catalog


def series(symbols: Sequence[str], version: str = "1", source: str = "s") -> pa.Table:
    """Rows of silver.series: `calendar` holds the version."""
    count = len(symbols)
    return pa.table(
        {
            "source": [source] * count,
            "symbol": list(symbols),
            "interval": ["1h"] * count,
            "calendar": [version] * count,
            "grid": ["clock"] * count,
            "split_adjusted": [True] * count,
        }
    )


def snapshot_row(snapshot: int, reason: str) -> pa.Table:
    """A row of meta.kept_snapshots."""
    at = pa.array([datetime(2026, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    return pa.table({"snapshot": [snapshot], "reason": [reason], "kept_at": at})


def list_symbols(prefix: str = "S", count: int = MANY) -> list[str]:
    return [f"{prefix}{number:05d}" for number in range(count)]


def file_name(written_at: datetime) -> str:
    """A name as DuckLake gives it to a file."""
    milliseconds = f"{int(written_at.timestamp() * 1000):012x}"
    rest = str(uuid4())[-17:]
    return f"ducklake-{milliseconds[:8]}-{milliseconds[8:]}-7abc-{rest}.parquet"


def replace_series(
    lake: Lake, symbols: Sequence[str], version: str = "1", source: str = "s"
) -> int:
    """Replace a source's series; the snapshot it became."""
    with lake.write("test") as writer:
        write_series(writer, symbols, version, source)
        return writer.batch


def write_series(
    writer: Writer, symbols: Sequence[str], version: str = "1", source: str = "s"
) -> None:
    writer.replace("silver.series", series(symbols, version, source), "source = ?", [source])


def count_versions(lake: Lake, snapshot: int | None = None) -> dict[str, int]:
    """How many rows of each version silver.series has."""
    with lake.view(snapshot) as view:
        return dict(view.rows("SELECT calendar, count(*) FROM silver.series GROUP BY 1 ORDER BY 1"))


def keep_snapshot(lake: Lake, snapshot: int, reason: str) -> None:
    """Name a snapshot, so that it does not expire."""
    with lake.write("keep snapshot") as writer:
        writer.append("meta.kept_snapshots", snapshot_row(snapshot, reason))


def release_snapshot(lake: Lake, reason: str) -> None:
    """Take the name away again."""
    with lake.write("release snapshot") as writer:
        writer.delete("meta.kept_snapshots", "reason = ?", [reason])
