"""Bars that tests of ingest bring, and the rows that the lake has of them."""

from __future__ import annotations

import itertools
import math

from pipelines import steps
from pipelines.core.calendar import utc
from pipelines.lake import Lake
from pipelines.steps import IngestReport
from tests.scripted import VALUES, Scripted, bar_row, hours

START, END = "2026-09-01", "2026-10-01"
HOURS = hours(START, END)
fresh_name = (f"source_{n}" for n in itertools.count())


def ingest(lake: Lake, source: Scripted, **options: object) -> IngestReport:
    start = utc(str(options.pop("start", START)))
    end = utc(str(options.pop("end", END)))
    return steps.ingest(lake, source, (), source.interval, start, end, **options)  # type: ignore[arg-type]


def silver(lake: Lake, name: str) -> list[tuple[object, ...]]:
    values = ", ".join(VALUES)
    return lake.rows(
        f"""SELECT symbol, ts, closes_at, session, {values}, split_factor
            FROM silver.bars WHERE source = ? ORDER BY symbol, ts""",
        [name],
    )


def quarantine(lake: Lake, name: str) -> list[tuple[object, ...]]:
    return lake.rows(
        """SELECT symbol, ts, reason, original FROM silver.quarantine
           WHERE source = ? ORDER BY ALL""",
        [name],
    )


def gaps(lake: Lake, name: str) -> list[tuple[object, ...]]:
    """Return the sessions with missing bars, and these."""
    return lake.rows(
        "SELECT symbol, session, missing_ts FROM silver.gaps WHERE source = ? ORDER BY ALL", [name]
    )


def clean(symbols: str = "AB", level: float = 100.0) -> list[dict[str, object]]:
    return [
        bar_row(symbol, ts, level + 5 * math.sin(i / 7) + ord(symbol))
        for symbol in symbols
        for i, ts in enumerate(HOURS)
    ]


def assert_nothing_vanished(report: IngestReport) -> None:
    """Every row that was received is counted as one of the results."""
    counts = report.counts
    parts = ("accepted", "unchanged", "replaced", "quarantined", "unclosed")
    assert counts["received"] == sum(counts[part] for part in parts), counts


SPOILS = {
    "not_a_number": {"close": math.nan},
    "not_positive": {"low": -1.0},
    "negative": {"volume": -5.0},
    "high_low": {"high": 150.0, "open": 160.0},
    "crossed_quote": {"bid": 101.0, "ask": 100.0},
    "unit_error": {"low": 1.0, "close": 1.0},
    "spike": {"high": 900.0},
}
