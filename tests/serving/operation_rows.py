"""Rows of what the platform did, for tests of the routes that show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from pipelines.core.calendar import utc
from pipelines.lake import Lake

AT = utc("2026-08-31T21:00+00:00")  # an hour after the close of the last session
Rows = Sequence[dict[str, Any]]


def run_row(step: str, about: str, status: str = "ok", **more: Any) -> dict[str, Any]:
    """A row of gold.runs."""
    finished_at: datetime = more.get("finished_at", AT)
    return {
        "run": f"scheduled__{finished_at:%Y-%m-%d}",
        "step": step,
        "source": "sample",
        "about": about,
        "interval_start": finished_at - timedelta(days=1),
        "interval_end": finished_at,
        "status": status,
        "counts": "{}",
        "message": None,
        "finished_at": finished_at,
    } | more


def check_row(table: str, check: str, passed: bool, **more: Any) -> dict[str, Any]:
    """A row of gold.checks."""
    return {
        "table_name": table,
        "check": check,
        "kind": "blocking",
        "passed": passed,
        "rows_checked": 10,
        "offenders": 0 if passed else 2,
        "examples": "[]",
        "detail": "as it should be" if passed else "2 rows offend",
        "checked_at": AT,
    } | more


def audit_row(check: str, differences: int, **more: Any) -> dict[str, Any]:
    """A row of gold.audits."""
    return {
        "run": "weekly",
        "check": check,
        "forecast": "nasdaq100_hourly",
        "source": "sample",
        "seed": 5,
        "rows_checked": 40,
        "rows_left_out": 0,
        "differences": differences,
        "first_difference": "a row differs" if differences else None,
        "seconds": 1.5,
        "audited_at": AT,
    } | more


def rejected_row(symbol: str, reason: str, at: datetime, **more: Any) -> dict[str, Any]:
    """A row of silver.quarantine."""
    return {
        "source": "sample",
        "dataset": "bars",
        "symbol": symbol,
        "interval": "1h",
        "ts": at,
        "reason": reason,
        "detail": f"{symbol} at {at:%H:%M}",
        "original": "=1+1",
        "row": 1,
        "received_at": at,
    } | more


def gap_row(symbol: str, session: str, missing: int) -> dict[str, Any]:
    """A row of silver.gaps."""
    return {
        "source": "sample",
        "symbol": symbol,
        "interval": "1h",
        "session": datetime.fromisoformat(session).date(),
        "expected": 7,
        "missing": missing,
        "missing_ts": [AT],
    }


def write(lake: Lake, table: str, rows: Rows) -> int:
    """Append rows to a table; return the snapshot that this makes."""
    with lake.write("test") as writer:
        writer.append(table, pa.Table.from_pylist(list(rows)))
        return writer.batch
