"""Requests to a local Yahoo, and the bars it is to answer with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import calendar, interval_of
from pipelines.sources.base import Answer, Request
from pipelines.sources.transport.retries import Patience
from pipelines.sources.yahoo import Yahoo

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # a Friday after the close
QUICK = Patience(tries=3, first=0.0, timeout=5)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def build_source(now: datetime = NOW) -> Yahoo:
    return Yahoo(QUICK, sleep=lambda _: None, now=lambda: now)


def request(symbol: str, interval: str, start: str, end: str, as_of: datetime = NOW) -> Request:
    return Request((symbol,), interval_of(interval), at(start), at(end), as_of)


def price_rows(times: list[datetime]) -> list[dict[str, Any]]:
    prices = 100 + np.random.default_rng(1).normal(size=len(times)).cumsum()
    return [
        {"ts": t, "open": p, "high": p + 1, "low": p - 1, "close": p + 0.5, "volume": 10.0 + i}
        for i, (t, p) in enumerate(zip(times, prices.tolist(), strict=True))
    ]


def opens(interval: str, start: str, end: str, market: str = "XNYS") -> list[datetime]:
    bars = calendar(market).bars(interval_of(interval), at(start), at(end))
    return bars.table()["ts"].to_pylist()


def days(start: str, end: str, market: str = "XNYS") -> list[datetime]:
    bars = calendar(market).bars(interval_of("1d"), at(start), at(end))
    return [datetime.combine(d, datetime.min.time(), UTC) for d in bars.session.tolist()]


def values(table: pa.Table) -> list[tuple]:
    rows = table.select(["ts", "open", "high", "low", "close", "volume"]).to_pylist()
    return [tuple(row.values()) for row in rows]


def read_one(source: Yahoo, bars_request: Request) -> tuple[Answer, Any]:
    (answer,) = source.fetch(bars_request)
    return answer, source.parse(answer)
