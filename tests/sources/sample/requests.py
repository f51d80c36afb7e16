"""Requests to the sample, and the bars it answers with."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from pipelines.core.calendar import interval_of
from pipelines.sources.base import BARS, Request
from pipelines.sources.sample import Sample


def request(
    symbols: tuple[str, ...],
    interval: str,
    start: datetime,
    end: datetime,
    as_of: datetime | None = None,
) -> Request:
    return Request(symbols, interval_of(interval), start, end, as_of or end)


def read_bars(source: Sample, bars_request: Request) -> pa.Table:
    parts = [source.parse(answer).bars for answer in source.fetch(bars_request)]
    return pa.concat_tables(parts) if parts else BARS.empty_table()
