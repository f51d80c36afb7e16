"""A market of four members with weights, and its scored rows, for the tests of scoring."""

from __future__ import annotations

import itertools
import math
from datetime import date, datetime

import pyarrow as pa

from pipelines.core.calendar import calendar, utc
from pipelines.forecasts import FORECASTS
from pipelines.lake import Lake
from tests.scripted import bar_row, bars_table, hours

HOURLY = next(f for f in FORECASTS if f.interval == "1h")
SYMBOLS = HOURLY.symbols[:4]
START, END = utc("2026-08-10"), utc("2026-09-01")
HOURS = hours("2026-08-10", "2026-09-01")
HISTORY = utc("2026-08-20")  # by then every member has all features
TRAINED = utc("2026-08-11")
UNSTABLE_COLUMNS = ("batch", "source", "news_source", "scored_at", "delay_seconds")
_names = (f"source_{n}" for n in itertools.count())
Row = dict[str, object]


def build_market(symbols: tuple[str, ...] = SYMBOLS) -> list[Row]:
    return [
        bar_row(symbol, ts, 100 + 9 * math.sin(i * (2 + place) / 5) + i / 50, 500 + i % 17)
        for place, symbol in enumerate(symbols)
        for i, ts in enumerate(HOURS)
    ]


def write_bars(lake: Lake, name: str, rows: list[Row]) -> str:
    """Write bars to silver directly, as an ingest takes longer."""
    bars = bars_table(rows).select(["symbol", "ts", "open", "high", "low", "close", "volume"])
    place = {ts: i for i, ts in enumerate(HOURS)}
    places = [place[ts] for ts in bars["ts"].to_pylist()]
    grid = calendar("XNYS").bars(HOURLY.bar, START, END).table()
    for column in ("closes_at", "session"):
        bars = bars.append_column(column, grid[column].take(pa.array(places)))
    for column, value in (
        ("source", name),
        ("interval", "1h"),
        ("split_factor", 1.0),
        ("received_at", END),
    ):
        bars = bars.append_column(column, pa.repeat(pa.scalar(value), len(places)))
    with lake.write("bars") as writer:
        writer.connection.register("new_bars", bars)
        condition = "source = ? AND (symbol, ts) IN (SELECT (symbol, ts) FROM new_bars)"
        writer.replace("silver.bars", bars, condition, [name])
    return name


def remove_bar(lake: Lake, name: str, symbol: str, ts: datetime) -> None:
    """Remove a bar from silver, as an ingest does that finds a leap."""
    row = {
        "source": name,
        "symbol": symbol,
        "interval": "1h",
        "ts": ts,
        "reason": "leap",
        "detail": "test",
        "original": "{}",
        "row": 1,
        "received_at": END,
    }
    with lake.write("remove") as writer:
        writer.delete("silver.bars", "source = ? AND symbol = ? AND ts = ?", [name, symbol, ts])
        writer.append("silver.quarantine", pa.Table.from_pylist([row]))


def create_source(lake: Lake, rows: list[Row], weights: bool = True) -> str:
    """Create a source with these bars, and with weights that were known long before."""
    name = write_bars(lake, next(_names), rows)
    if weights:
        write_weights(lake, name, dict.fromkeys(SYMBOLS, 0.1))
    return name


def write_weights(
    lake: Lake,
    source: str,
    weights: dict[str, float],
    effective: date = date(2026, 8, 3),
    known_at: datetime | None = None,
) -> None:
    known = known_at or utc("2026-08-01")
    rows = [
        {
            "source": source,
            "index": "QQQ",
            "symbol": symbol,
            "weight": weight,
            "effective": effective,
            "known_at": known,
            "partial": False,
            "origin": "test",
            "received_at": known,
        }
        for symbol, weight in weights.items()
    ]
    with lake.write("weights") as writer:
        writer.append("silver.weights", pa.Table.from_pylist(rows))


def rows_of(
    lake: Lake, source: str, table: str = "predictions", live: bool | None = None
) -> list[Row]:
    """A gold table's rows of a source, without the source, the time and the commit."""
    where = "" if live is None else f" AND live = {live}"
    table_of_source = lake.sql(f"SELECT * FROM gold.{table} WHERE source = ?{where}", [source])
    columns = [name for name in table_of_source.schema.names if name not in UNSTABLE_COLUMNS]
    return sorted(table_of_source.select(columns).to_pylist(), key=repr)


def all_rows(lake: Lake, source: str, live: bool | None = None) -> list[list[Row]]:
    tables = ("predictions", "index_signals", "contributions")
    return [rows_of(lake, source, table, live) for table in tables]
