"""The newest sessions of the sample market, and what gold says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.core.calendar import Bars, calendar, interval_of
from pipelines.core.settings import Settings
from pipelines.forecasts import FORECASTS
from pipelines.steps.lake import open_lake

HOURLY = next(f for f in FORECASTS if f.interval == "1h")
NOW = datetime.now(UTC)
MONTHS = timedelta(days=150)  # enough to train three symbols on
WEEKS = timedelta(days=75)  # enough to train ten
INGEST, TRAIN, SCORE = (f"{kind}_{HOURLY.name}" for kind in ("ingest", "train", "score"))
TABLES = ("predictions", "index_signals", "contributions")


def format_time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def list_bars(interval: str, start: datetime, end: datetime = NOW) -> Bars:
    """The bars of the calendar that open from `start` on and had closed by `end`."""
    return calendar().closed_bars(interval_of(interval), start, end)


def merge_spans(bars: Bars) -> list[tuple[datetime, datetime]]:
    opens, closes = (
        [at.replace(tzinfo=UTC) for at in times.tolist()] for times in (bars.ts, bars.closes_at)
    )
    return list(zip(opens, closes, strict=True))


# The newest sessions, each with its open and its close; -1 is the one that closed last.
SESSIONS = merge_spans(list_bars("1d", NOW - timedelta(days=40)))


def rows_of(lake: Settings, table: str, where: str = "true") -> list[dict[str, Any]]:
    """A gold table's rows, but for when, how late and in which commit they were written."""
    with open_lake(lake, read_only=True) as opened:
        rows = opened.sql(f"SELECT * FROM gold.{table} WHERE {where}")
    columns = rows.select(
        [n for n in rows.schema.names if n not in ("scored_at", "delay_seconds", "batch")]
    )
    return sorted(columns.to_pylist(), key=repr)


def all_rows(lake: Settings, where: str = "true") -> dict[str, list[dict[str, Any]]]:
    return {table: rows_of(lake, table, where) for table in TABLES}


def count_duplicates(lake: Settings) -> dict[str, int]:
    """How many keys of a table are there twice."""
    about = 'forecast, source, "interval", ts, live'
    keys = {
        "predictions": f"{about}, target, symbol, role, candidate",
        "index_signals": f"{about}, universe",
        "contributions": f"{about}, universe, symbol",
    }
    with open_lake(lake, read_only=True) as opened:
        return {
            table: len(
                opened.rows(f"SELECT {key} FROM gold.{table} GROUP BY {key} HAVING count(*) > 1")
            )
            for table, key in keys.items()
        }


def run_notes(lake: Settings, run: str) -> list[tuple[str, str, str]]:
    """What gold.runs says of a run: step, status, message."""
    with open_lake(lake, read_only=True) as opened:
        return opened.rows(
            "SELECT step, status, message FROM gold.runs WHERE run = ? ORDER BY finished_at", [run]
        )


def forget_newest(lake: Settings, source: str = "sample") -> None:
    """Take the newest bar out of every table, as if it had not closed yet."""
    with open_lake(lake) as opened, opened.write("forget the newest bar") as writer:
        newest = writer.one(
            'SELECT max(ts) FROM silver.bars WHERE source = ? AND "interval" = ?',
            [source, HOURLY.interval],
        )
        for name in ("bronze.bars", "silver.bars", *(f"gold.{table}" for table in TABLES)):
            where = 'source = ? AND "interval" = ? AND ts >= ?'
            writer.delete(name, where, [source, HOURLY.interval, newest])
