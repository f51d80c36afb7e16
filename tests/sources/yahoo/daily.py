"""Four daily bars of AAPL, a request for them, and a source that retries without sleeping."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines.core.calendar import interval_of
from pipelines.sources.base import Request
from pipelines.sources.transport.retries import Patience
from pipelines.sources.yahoo import Yahoo
from tests.sources.yahoo.requests import NOW

HTML = "<!DOCTYPE html><html><body>Will be right back</body></html>"


BARS = [
    {"ts": datetime(2026, 11, day, tzinfo=UTC), "open": 9.0, "high": 10.0, "low": 8.0,
     "close": 9.5, "volume": 100.0}
    for day in (16, 17, 18, 19)
]  # fmt: skip


REQUEST = Request(
    ("AAPL",),
    interval_of("1d"),
    datetime(2026, 11, 16, tzinfo=UTC),
    datetime(2026, 11, 20, tzinfo=UTC),
    NOW,
)


def patient(waits: list[float] | None = None, **limits: Any) -> Yahoo:
    return Yahoo(
        Patience(**({"timeout": 5.0} | limits)),
        sleep=([] if waits is None else waits).append,
        now=lambda: NOW,
    )
