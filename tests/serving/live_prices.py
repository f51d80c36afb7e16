"""The file of a stream, as its process writes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.stream.newest_prices import NewestPrice, StreamState, prices_file, write_state

AT = datetime(2026, 9, 1, 9, tzinfo=UTC)


def write_price(mid: float = 3010.5, at: datetime = AT, **changes: Any) -> StreamState:
    """Write a price of ES, received two seconds before `at`."""
    earlier = at - timedelta(seconds=2)
    price = NewestPrice("ES", earlier, mid - 0.25, mid + 0.25, mid, earlier)
    state = StreamState(
        "sample", at, at, connected=True, heard_at=earlier, lag_seconds=0.1, prices={"ES": price}
    )
    state = replace(state, **changes)
    write_state(prices_file("sample"), state)
    return state
