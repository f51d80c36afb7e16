"""A market of any forecast's symbols and bars, from its own source."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from pipelines.core.calendar import utc
from pipelines.forecasts import Forecast
from pipelines.lake import Lake
from pipelines.steps import ingest
from tests.scripted import Scripted, bar_row, bars_table, hours, with_quotes

START, END = "2026-08-03", "2026-09-15"
HOURS = hours(START, END)
SYMBOLS = ("AAPL", "MSFT", "NVDA")


def market_rows(
    symbols: tuple[str, ...] = SYMBOLS, times: list[datetime] = HOURS
) -> list[dict[str, object]]:
    return [
        bar_row(symbol, ts, 100 + 9 * math.sin(i * (1 + len(symbol)) / 5) + i / 50, 500 + i % 17)
        for symbol in symbols
        for i, ts in enumerate(times)
    ]


def build_market(forecast: Forecast) -> list[dict[str, object]]:
    """Some of its symbols and its companions, and somewhat more bars than it looks back at."""
    a_session = math.ceil(390 / forecast.bar.minutes) if forecast.bar.minutes else 1
    count = max(3 * max(forecast.look_back, forecast.label_look_back) + 60, 6 * a_session)
    start = (utc(END) - timedelta(days=count // a_session * 2 + 10)).date().isoformat()
    times = hours(start, END, forecast.interval)[-count:]
    if not forecast.bar.intraday:  # such bars are named by their day
        times = [ts.replace(hour=0, minute=0) for ts in times]
    rows = market_rows(forecast.symbols[:3] + forecast.companions, times)
    if "bid" in forecast.own_columns:
        return [with_quotes(row, 1 + i % 3) for i, row in enumerate(rows)]
    return rows


def write_bars(lake: Lake, name: str, rows: list[dict[str, object]], **options: object) -> None:
    source = Scripted(bars_table(rows), name=name, **options)  # type: ignore[arg-type]
    ingest(lake, source, (), source.interval, None, utc(END))
