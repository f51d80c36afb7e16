"""Five years of minutes, to 114 features in gold; and fifteen minutes more.

The floor is what cannot be left out: TA-Lib's twenty indicators over the same bars, and a bare
write of 114 columns of float32 to Parquet. Bars and news are drawn and written to the lake in bulk,
and are not counted; the refresh is the product's own. Of fifteen minutes more the processor's time
counts.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, calendar
from pipelines.core.settings import Settings
from pipelines.forecasts import SP500_INTRADAY as FORECAST
from pipelines.lake import Lake
from pipelines.steps.data.features import refresh_features
from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure, compare_runs, run_child

NOW = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
YEARS, MONTH = timedelta(days=1826), timedelta(days=31)
MARKET = "US_INDEX_CFD"  # open for 23 hours a day: 1.7 million minutes
SOURCE, ROUNDS, TIMES = "sample", 3, 12
QUARTER = timedelta(minutes=15)


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        years = fill_lake(Path(folder) / "years", YEARS)
        rows = years.rows("SELECT count(*) FROM silver.bars")[0][0]
        years.close()
        own_runs, floor_runs = [], []
        for number in range(ROUNDS):
            own_runs.append(run_child("tests.bench.minutes", "ours", f"{folder}/years"))
            file = f"{folder}/{number}.parquet"
            floor_runs.append(run_child("tests.bench.minutes", "floor", f"{folder}/years", file))
        floor = "TA-Lib's 20 and a bare write"
        name = f"{rows:,} minutes to {len(FORECAST.features)} features in gold"
        yield compare_runs(name, own_runs, floor_runs, floor)
        yield _measure_quarters(Path(folder))


def _measure_quarters(folder: Path) -> Figure:
    """Compare fifteen minutes more after five years with the same after a month."""
    month = fill_lake(folder / "month", MONTH)
    refresh_features(month, FORECAST, SOURCE)
    lakes = [month, open_lake(settings_of(folder / "years"))]
    opens = calendar(MARKET).bars(FORECAST.bar, NOW, NOW + timedelta(days=3)).ts.tolist()
    seconds: list[list[float]] = [[], []]
    for number, moment in enumerate(opens[: 15 * (TIMES + 1) : 15]):
        for lake, spent in zip(lakes, seconds, strict=True):
            cpu = time_quarter(lake, moment.replace(tzinfo=UTC))
            if number:  # the first warms up
                spent.append(cpu)
    for lake in lakes:
        lake.close()
    small, large = seconds
    ratios = sorted(b / a for a, b in zip(small, large, strict=True))
    return Figure(
        "features of fifteen minutes more, five years behind them",
        f"{median(large):.3f} s of CPU",
        f"{median(small):.3f} s of CPU (a month behind them)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{TIMES} quarters of an hour in turn",
    )


def time_quarter(lake: Lake, at: datetime) -> float:
    write_minutes(lake, at, at + QUARTER)
    write_news(lake, at, at + QUARTER)
    start = time.process_time()
    report = refresh_features(lake, FORECAST, SOURCE)
    spent = time.process_time() - start
    if not 15 <= report.written <= 15 + FORECAST.horizon + FORECAST.look_back:
        raise SystemExit(f"not fifteen minutes more: {report.summary()}")
    return spent


def settings_of(folder: Path) -> Settings:
    return Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")


def fill_lake(folder: Path, span: timedelta) -> Lake:
    lake = open_lake(settings_of(folder))
    write_minutes(lake, NOW - span, NOW)
    write_news(lake, NOW - span, NOW)
    series = {
        "source": SOURCE, "symbol": FORECAST.symbols[0], "interval": FORECAST.interval,
        "calendar": MARKET, "grid": "session", "split_adjusted": True,
    }  # fmt: skip
    with lake.write("series") as writer:
        writer.append("silver.series", pa.Table.from_pylist([series]))
    return lake


def write_minutes(lake: Lake, start: datetime, end: datetime) -> None:
    """Write minutes with quotes that open in [start, end) to silver."""
    bars = calendar(MARKET).bars(FORECAST.bar, start, end)
    count = len(bars)
    random = np.random.default_rng(count)
    close = np.round(4000 * np.exp(random.normal(0, 2e-4, count).cumsum()), 2)
    opens = np.round(close * np.exp(random.normal(0, 1e-4, count)), 2)
    width = 0.25 * random.integers(1, 4, count)
    bid = close - width * random.random(count)
    table = pa.table(
        {
            "source": pa.repeat(SOURCE, count),
            "symbol": pa.repeat(FORECAST.symbols[0], count),
            "interval": pa.repeat(FORECAST.interval, count),
            "ts": pa.array(bars.ts).cast(UTC_TYPE),
            "closes_at": pa.array(bars.closes_at).cast(UTC_TYPE),
            "session": pa.array(bars.session).cast(pa.date32()),
            "open": opens,
            "high": np.maximum(opens, close) + 0.25 * random.integers(1, 5, count),
            "low": np.minimum(opens, close) - 0.25 * random.integers(1, 5, count),
            "close": close,
            "volume": random.integers(1, 9999, count).astype(float),
            "bid": bid,
            "ask": bid + width,
            "split_factor": np.ones(count),
            "received_at": pa.array(bars.closes_at).cast(UTC_TYPE),
        }
    )
    with lake.write("bars") as writer:
        writer.append("silver.bars", table)


def write_news(lake: Lake, start: datetime, end: datetime) -> None:
    """Write the signals of the windows that ended in [start, end)."""
    ends = np.arange(
        *(np.datetime64(at.replace(tzinfo=None), "us") for at in (start, end)),
        np.timedelta64(QUARTER),
    )
    count = len(ends)
    random = np.random.default_rng(count)
    sentiment = random.uniform(-1, 1, count)
    table = pa.table(
        {
            "source": pa.repeat(SOURCE, count),
            "topic": pa.repeat("sp500", count),
            "window_start": pa.array(ends - np.timedelta64(60, "m")).cast(UTC_TYPE),
            "window_end": pa.array(ends).cast(UTC_TYPE),
            "known_at": pa.array(ends).cast(UTC_TYPE),
            "article_count": pa.array(random.integers(0, 50, count), pa.int32()),
            "avg_sentiment": sentiment,
            "signal_strength": np.abs(sentiment),
            "trading_signal": pa.array(np.sign(np.round(sentiment)).astype(np.int32)),
            "quality_score": random.random(count),
            "newest_age_seconds": random.uniform(0, 900, count),
            "live": pa.repeat(True, count),
            "computed_at": pa.array(ends).cast(UTC_TYPE),
        }
    )
    with lake.write("news") as writer:
        writer.append("gold.news_signals", table)


def run_own(folder: str) -> None:
    lake = open_lake(settings_of(Path(folder)))
    with lake.write("forget") as writer:
        writer.delete("meta.feature_state", "true", [])
    start = time.perf_counter()
    report = refresh_features(lake, FORECAST, SOURCE)
    _print_run(time.perf_counter() - start, report.summary())
    lake.close()


def run_floor(folder: str, file: str) -> None:
    """Compute TA-Lib's indicators, and write as many columns as there are features."""
    import pyarrow.parquet as pq
    import talib

    lake = open_lake(settings_of(Path(folder)), read_only=True)
    names = ("high", "low", "close", "volume")
    table = lake.sql(f"SELECT {', '.join(names)} FROM silver.bars ORDER BY ts")
    lake.close()
    high, low, close, volume = (table[n].to_numpy().astype(float) for n in names)
    hlc = (high, low, close)
    start = time.perf_counter()
    columns = [
        *(talib.RSI(close, n) for n in (7, 14)),
        *talib.MACD(close, 12, 26, 9),
        talib.ROC(close, 10),
        *talib.STOCH(*hlc),
        *(talib.SMA(close, n) for n in (5, 10, 20, 50)),
        *(talib.EMA(close, n) for n in (5, 20)),
        talib.BBANDS(close, 20)[0],
        talib.ATR(*hlc, 14),
        talib.ADX(*hlc, 14),
        talib.CCI(*hlc, 20),
        talib.MFI(*hlc, volume, 14),
        talib.OBV(close, volume),
    ]
    if len(columns) != 20:
        raise SystemExit(f"{len(columns)} indicators")
    floats = [column.astype(np.float32) for column in columns]
    several = {f"f{n}": floats[n % len(floats)] for n in range(len(FORECAST.features))}
    pq.write_table(pa.table(several), file, compression="zstd", compression_level=1)
    _print_run(time.perf_counter() - start, "")


def _print_run(seconds: float, note: str) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "note": note}))


if __name__ == "__main__":
    {"ours": run_own, "floor": run_floor}[sys.argv[1]](*sys.argv[2:])
