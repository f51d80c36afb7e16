"""Reports of `bullion backtest`, read from the folder that the API may see."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.errors import unknown
from pipelines.gates.intervals import drawdown
from serving.schemas.errors import NotFound
from serving.state.answers import Row

LOG = logging.getLogger(__name__)
REPORT, SIGNALS = "report.json", "signals.parquet"
LARGEST_REPORT = 16 * 1024 * 1024  # bytes
NUMBER, TEXT = pa.float64(), pa.string()
LISTING = pa.schema(
    [
        *[(name, TEXT) for name in ("name", "forecast", "target", "universe", "source")],
        ("first_session", pa.date32()),
        ("last_session", pa.date32()),
        ("sessions", pa.int64()),
        *[(name, NUMBER) for name in ("net", "net_low", "net_high", "always_long")],
        ("written_at", pa.timestamp("us", tz="UTC")),
    ]
)
FIGURES = pa.schema(
    [("part", TEXT), ("figure", TEXT), *[(name, NUMBER) for name in ("value", "low", "high")]]
)
Report = dict[str, Any]


def list_reports(folder: Path) -> pa.Table:
    """Return a row for each readable report in a folder, the newest first."""
    rows = [row for name in _report_names(folder) if (row := _describe(folder, name))]
    rows.sort(key=lambda row: (row["written_at"], row["name"]), reverse=True)
    return pa.Table.from_pylist(rows, LISTING)


def read_report(folder: Path, name: str) -> Report:
    """Read one report; raise where there is none of this name.

    The name is one of those that the folder lists, so none leads out of it.
    """
    names = _report_names(folder)
    if name not in names:
        error = unknown("backtest", name, names)
        raise NotFound(error.message, error.hint if names else "GET /backtests says where they lie")
    report = _read(folder / name / REPORT)
    if report is None:
        raise NotFound(f"the report of {name} cannot be read", "write it again: bullion backtest")
    return report


def figure_table(report: Report) -> pa.Table:
    """Return the figures of a report as rows: those of the predictions, then of each position."""
    rows = [
        {"part": "predictions", "figure": name, **values}
        for name, values in report["figures"].items()
    ]
    for way, figures in report["returns"].items():
        for name, value in figures.items():
            if name != "exits":
                values = value if isinstance(value, dict) else {"value": value}
                rows.append({"part": way, "figure": name, **values})
    return pa.Table.from_pylist(rows, FIGURES)


def read_curve(folder: Path, name: str) -> pa.Table:
    """Read the bars of a listed report with what had been earned by then, the newest first."""
    path = folder / name / SIGNALS
    names = ["ts", "closes_at", "session", "signal", "wss", "net", "always_long_net"]
    try:
        bars = pq.read_table(path, columns=names)
    except (OSError, pa.ArrowException) as error:
        LOG.warning("%s: %s", path, error)
        raise NotFound(
            f"the bars of {name} cannot be read", "write it again: bullion backtest"
        ) from error
    net, long = (np.cumsum(bars[name].to_numpy()) for name in ("net", "always_long_net"))
    columns = {"cumulative": net, "drawdown": drawdown(net), "cumulative_long": long}
    bars = bars.drop_columns(["always_long_net"])
    for column, values in columns.items():
        bars = bars.append_column(column, pa.array(values))
    return bars.take(pa.array(np.arange(len(bars))[::-1]))


def _report_names(folder: Path) -> list[str]:
    try:
        return sorted(
            path.name
            for path in folder.iterdir()
            if not path.name.startswith(".") and (path / REPORT).is_file()
        )
    except OSError:
        return []


def _describe(folder: Path, name: str) -> Row | None:
    """Return the row of a report; None where it cannot be read, which the log says."""
    path = folder / name / REPORT
    report = _read(path)
    if report is None:
        return None
    about, net = report["about"], report["returns"]["signal"]["net"]
    row = {key: about[key] for key in ("forecast", "target", "universe", "source", "sessions")}
    return row | {
        "name": name,
        "first_session": date.fromisoformat(about["first_session"]),
        "last_session": date.fromisoformat(about["last_session"]),
        "net": net["value"],
        "net_low": net["low"],
        "net_high": net["high"],
        "always_long": report["returns"]["always_long"]["net"]["value"],
        "written_at": datetime.fromtimestamp(path.stat().st_mtime, UTC),
    }


def _read(path: Path) -> Report | None:
    """Read a report; None where the file is damaged, or no report of a backtest."""
    try:
        if path.stat().st_size > LARGEST_REPORT:
            raise ValueError("too large")
        report: Report = json.loads(path.read_bytes())
        report["about"]["first_session"], report["returns"]["signal"]["net"]["value"]
        report["figures"], report["notes"], report["returns"]["always_long"]["net"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        LOG.warning("%s is no report of a backtest: %s: %s", path, type(error).__name__, error)
        return None
    return report
