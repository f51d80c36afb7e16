"""One more bar: features over some history, and over a hundred times that.

Of 100 symbols by the hour, and of SPY by the day with what lies beside it.

The bars are drawn and written to silver in bulk; the refresh is the product's own. What counts is
the processor's time, which the work of others beside it hardly changes.
"""

from __future__ import annotations

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
from pipelines.forecasts import NASDAQ100_HOURLY, SPY_NEXT_DAY, Forecast
from pipelines.lake import Lake
from pipelines.steps.data.features import refresh_features
from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure

# Lately, as in an hourly run: a refresh knows that no bar opens after the present.
NOW = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
SPANS = {NASDAQ100_HOURLY: timedelta(days=30), SPY_NEXT_DAY: timedelta(days=70)}
MORE = 100  # times the history
TIMES = 15
SOURCE = "sample"


def figures() -> Iterator[Figure]:
    for forecast, span in SPANS.items():
        yield _measure(forecast, span)


def _measure(forecast: Forecast, span: timedelta) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        lakes = [
            fill_lake(Path(folder) / name, forecast, history)
            for name, history in (("some", span), ("more", MORE * span))
        ]
        opens = calendar().bars(forecast.bar, NOW, NOW + timedelta(days=28)).ts.tolist()
        seconds: list[list[float]] = [[], []]
        for number, moment in enumerate(opens[: TIMES + 1]):
            for lake, spent in zip(lakes, seconds, strict=True):
                cpu = time_refresh(lake, forecast, moment.replace(tzinfo=UTC))
                if number:  # the first warms up
                    spent.append(cpu)
        for lake in lakes:
            lake.close()
    small, large = seconds
    ratios = sorted(b / a for a, b in zip(small, large, strict=True))
    return Figure(
        f"features of one more bar of {forecast.name}, {MORE} times the history",
        f"{median(large):.3f} s of CPU",
        f"{median(small):.3f} s of CPU (1 times)",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        f"{TIMES} bars in turn",
    )


def fill_lake(folder: Path, forecast: Forecast, span: timedelta) -> Lake:
    config = Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")
    lake = open_lake(config)
    write_bars(lake, forecast, NOW - span, NOW, whole=True)
    refresh_features(lake, forecast, SOURCE)
    return lake


def time_refresh(lake: Lake, forecast: Forecast, at: datetime) -> float:
    write_bars(lake, forecast, at, at + timedelta(hours=1))
    start = time.process_time()
    report = refresh_features(lake, forecast, SOURCE)
    spent = time.process_time() - start
    if report.written != 2 * len(forecast.symbols):
        raise SystemExit(f"not one more bar: {report.summary()}")
    return spent


def write_bars(
    lake: Lake, forecast: Forecast, start: datetime, end: datetime, *, whole: bool = False
) -> None:
    """Write bars that open in [start, end) to silver, of its companions too."""
    bars = calendar().bars(forecast.bar, start, end)
    symbols, count = forecast.symbols + forecast.companions, len(bars)
    rows = len(symbols) * count
    random = np.random.default_rng(count)
    close = 100 * np.exp(random.normal(0, 0.01, (len(symbols), count)).cumsum(axis=1)).ravel()
    opens = close * np.exp(random.normal(0, 0.003, rows))
    ts, closes_at, session = (
        pa.array(np.tile(values, len(symbols)))
        for values in (bars.ts, bars.closes_at, bars.session)
    )
    table = pa.table(
        {
            "source": pa.repeat(SOURCE, rows),
            "symbol": pa.array(symbols).take(np.repeat(np.arange(len(symbols)), count)),
            "interval": pa.repeat(forecast.interval, rows),
            "ts": ts.cast(UTC_TYPE),
            "closes_at": closes_at.cast(UTC_TYPE),
            "session": session.cast(pa.date32()),
            "open": opens,
            "high": np.maximum(opens, close) * 1.001,
            "low": np.minimum(opens, close) * 0.999,
            "close": close,
            "volume": random.integers(1, 9999, rows).astype(float),
            "split_factor": np.ones(rows),
            "received_at": closes_at.cast(UTC_TYPE),
        }
    )
    with lake.write("bars") as writer:
        writer.append("silver.bars", table)
        if whole:
            series = {
                "source": SOURCE, "interval": forecast.interval, "calendar": "XNYS",
                "grid": "session", "split_adjusted": True,
            }  # fmt: skip
            writer.append(
                "silver.series",
                pa.Table.from_pylist([{"symbol": symbol, **series} for symbol in symbols]),
            )
