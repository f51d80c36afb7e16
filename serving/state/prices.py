"""The newest prices of the stream, as its process hands them on in a file.

The file is read again whenever it is another one: the stream replaces it, at most four times a
second. A file that is old says that the stream has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines.sources import is_sample
from pipelines.stream.newest_prices import NewestPrice, StreamState, prices_file, read_state

SILENT = 15.0  # seconds without a new file, or without a message, after which prices are stale
NO_STREAM = "no price is live: no stream runs"
LOST = "the prices are not live: the stream has no connection"
MADE_UP = "sample data: made up, and no market"


class StreamPrices:
    """What the stream of one source said last."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.state: StreamState | None = None
        self._path = prices_file(source)
        self._stamp: tuple[int, int] | None = None  # of the file that was read last

    def look(self) -> StreamState | None:
        """Read the file if it is another one than before; return what it says."""
        try:
            status = self._path.stat()
        except OSError:
            return self.state
        stamp = (status.st_ino, status.st_mtime_ns)
        if stamp != self._stamp:
            state = read_state(self._path)
            if state is not None:
                self.state, self._stamp = state, stamp
        return self.state

    def is_live(self, now: float) -> bool:
        """Whether the stream runs, is connected, and has heard of the provider lately."""
        state = self.state
        if state is None or not state.connected or state.heard_at is None:
            return False
        return max(_age(state.written_at, now), _age(state.heard_at, now)) < SILENT

    def describe(self, now: float) -> dict[str, Any]:
        """Return what is said of the stream beside its prices."""
        state, is_live = self.state, self.is_live(now)
        notices = [] if is_live else [NO_STREAM if state is None else LOST]
        sample = is_sample(self.source)
        if sample:
            notices.insert(0, MADE_UP)
        stream = None
        if state is not None:
            stream = {
                "live": is_live,
                "connected": state.connected,
                "trouble": state.trouble,
                "reconnects": state.reconnects,
                "lag_seconds": state.lag_seconds,
                "bars": state.bars,
                "waiting_bars": state.waiting_bars,
                "newest_bar": state.newest_bar,
                "bar_delay_seconds": state.bar_delay_seconds,
                "late_prices": state.late_prices,
                "broken_minutes": state.broken_minutes,
                "garbage": state.garbage,
                "started_at": state.started_at,
                "written_at": state.written_at,
            }
        return {
            "data_source": self.source, "sample": sample, "notices": notices, "stream": stream,
        }  # fmt: skip

    @property
    def prices(self) -> Mapping[str, NewestPrice]:
        return self.state.prices if self.state else {}

    def price_row(self, symbol: str, now: float) -> dict[str, Any] | None:
        """Return the newest price of a symbol with its age; None where there is none."""
        price = self.prices.get(symbol)
        if price is None:
            return None
        return {
            "symbol": symbol,
            "at": price.at,
            "bid": price.bid,
            "ask": price.ask,
            "mid": price.mid,
            "received_at": price.received_at,
            "age_seconds": round(_age(price.received_at, now), 3),
            "stale": not self.is_live(now),
        }


def _age(at: datetime, now: float) -> float:
    return max(0.0, now - at.astimezone(UTC).timestamp())
