"""A daily market for a forecast with several kinds of targets, and models of them."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.core.calendar import calendar, utc
from pipelines.forecasts import FORECASTS
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from tests import models
from tests.scripted import bar_row, bars_table

DAILY = next(f for f in FORECASTS if len(f.targets) > 1)
(SYMBOL,) = DAILY.symbols
NEEDED = DAILY.look_back + 1
START, END = utc("2026-04-01"), utc("2026-09-01")
GRID = calendar("XNYS").bars(DAILY.bar, START, END)
DAYS = [ts.replace(tzinfo=START.tzinfo) for ts in GRID.ts.tolist()]
TRAINED = utc("2026-07-01")
BASELINE, NOT_PROVEN = "mean", "the mean serves: nothing was proven to be better"


def build_market() -> list[dict[str, object]]:
    return [
        bar_row(SYMBOL, ts, 200 + 9 * math.sin(i * 2 / 5) + i / 20, 5000 + i % 17)
        for i, ts in enumerate(DAYS)
    ]


def write_bars(lake: Lake, source: str) -> None:
    """Write the market's bars to silver, as if a source had sent them."""
    table = bars_table(build_market()).select(
        ["symbol", "ts", "open", "high", "low", "close", "volume"]
    )
    grid = GRID.table()
    for column in ("closes_at", "session"):
        table = table.append_column(column, grid[column])
    constants = {"source": source, "interval": "1d", "split_factor": 1.0, "received_at": END}
    for name, value in constants.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value), len(table)))
    with lake.write("say") as writer:
        writer.append("silver.bars", table)


def serve_models(lake: Lake, folder: Path, source: str, as_of: datetime = TRAINED) -> None:
    """Store an unproven baseline for each value target, and a proven model for each other."""
    registry = Registry(folder=folder / "mlflow")
    for seed, forecast in enumerate(DAILY.per_target()):
        model = models.store_verified(registry, forecast, models.body(forecast, seed))
        details: dict[str, Any] = {}
        if forecast.target.baseline:
            details = {"proven": False, "reason": NOT_PROVEN, "candidate": forecast.target.baseline}
        models.decide(lake, forecast, source, model, as_of, **details)


def build_request(last: int = len(DAYS), count: int = NEEDED, timed: bool = True) -> dict[str, Any]:
    """Build a request with the market's bars up to one of its days."""
    names = ("open", "high", "low", "close", "volume")
    rows = build_market()[max(0, last - count) : last]
    bars: list[dict[str, Any]] = [{name: row[name] for name in names} for row in rows]
    if timed:
        for bar, row in zip(bars, rows, strict=True):
            bar["ts"] = row["ts"].isoformat()  # type: ignore[attr-defined]
    return {"symbol": SYMBOL, "bars": bars}
