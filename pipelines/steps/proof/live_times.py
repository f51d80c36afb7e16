"""Check of an audit: each commit of live rows lies between the close and the next bar's close."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from pipelines.core.calendar import calendar, utc
from pipelines.core.instants import from_numpy
from pipelines.lake import View
from pipelines.lake.catalog import CATALOG
from pipelines.lake.series import series_calendar
from pipelines.scoring.live import find_deadlines
from pipelines.steps.proof.differences import Findings
from pipelines.steps.proof.draw import DrawnSeries

TOLERANCE = timedelta(seconds=1)  # between two readings of one clock
SERIES = 'forecast = ? AND source = ? AND "interval" = ?'


def check_times(view: View, series: DrawnSeries) -> Findings:
    """Hold every commit of live rows against its own time: the catalog's, or the run's record."""
    declared = series.forecast
    commits = view.rows(
        f"""SELECT batch, ts, closes_at, min(scored_at), max(scored_at), count(*)
            FROM gold.predictions WHERE {SERIES} AND live GROUP BY ALL ORDER BY ALL""",
        [declared.name, series.source, declared.interval],
    )
    if not commits:
        return Findings()
    committed_at = _read_times(view, sorted({batch for batch, *_ in commits}))
    stored = series_calendar(
        view, series.source, declared.interval, declared.symbols, declared.schedule.calendar
    )
    ts = np.array([utc(row[1]).replace(tzinfo=None) for row in commits], "datetime64[us]")
    deadlines = find_deadlines(calendar(stored.calendar), declared.bar, stored.grid, ts)
    findings = Findings()
    for (batch, opened, closes_at, first, last, rows), deadline in zip(
        commits, deadlines, strict=True
    ):
        due = None if np.isnat(deadline) else from_numpy(deadline)
        at = committed_at.get(batch)
        findings.rows += rows
        findings.left_out += 0 if at else rows
        fault = _find_fault(closes_at, first, last, due, at)
        if fault:
            findings.differences.append(
                f"live rows of the bar of {utc(opened):%Y-%m-%d %H:%M} UTC, commit {batch}: {fault}"
            )
    return findings


def _find_fault(
    closes_at: datetime, first: datetime, last: datetime, due: datetime | None, at: datetime | None
) -> str:
    """Say what is wrong with the times of one commit; empty where nothing is."""
    if first < closes_at:
        return f"scored at {_text(first)}, before the bar closed at {_text(closes_at)}"
    if due is None:
        return "the calendar has no such bar"
    if last >= due:
        return f"scored at {_text(last)}, when the next bar had closed at {_text(due)}"
    if at is None:
        return ""
    if at < last - TOLERANCE:
        return f"scored at {_text(last)}, after its own commit at {_text(at)}"
    if at >= due:
        return f"committed at {_text(at)}, when the next bar had closed at {_text(due)}"
    return ""


def _read_times(view: View, batches: list[int]) -> dict[int, datetime]:
    """Read when commits were made; of those whose snapshot has expired, when their run ended."""
    # An SQLite catalog has times as text.
    rows = view.rows(
        f"""SELECT snapshot_id, snapshot_time::TIMESTAMPTZ FROM {CATALOG}.ducklake_snapshot
            WHERE snapshot_id IN (SELECT unnest(?::BIGINT[]))""",
        [batches],
    )
    runs = view.rows(
        """SELECT batch, max(finished_at) FROM gold.runs WHERE step = 'score'
           AND batch IN (SELECT unnest(?::BIGINT[])) GROUP BY batch""",
        [batches],
    )
    return {batch: utc(at) for batch, at in [*runs, *rows]}


def _text(at: datetime) -> str:
    return f"{utc(at):%Y-%m-%d %H:%M:%S} UTC"
