"""Closed minutes, built from prices. Pure: it knows neither a connection nor a clock.

A minute is built only where nothing of it can have been missed: the connection stood from before
its first instant, and the provider has said something of a time after its last. Every other minute
is left to the candle that comes later. So a bar is the same as the candle, or it is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.stream.messages import Garbage, Message, Price

MINUTE = timedelta(minutes=1)
GRACE = timedelta(milliseconds=250)  # in which a price may come after one that is newer


@dataclass(frozen=True, slots=True)
class MinuteBar:
    """A closed minute: open, high, low and close of the middle, and the quotes at its close."""

    symbol: str
    ts: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    bid: float | None
    ask: float | None

    @property
    def closes_at(self) -> datetime:
        return self.ts + MINUTE


@dataclass(slots=True)
class _OpenMinute:
    open: float
    high: float
    low: float
    last: Price
    volume: float

    def add(self, price: Price) -> None:
        self.high, self.low = max(self.high, price.mid), min(self.low, price.mid)
        self.volume += price.size
        if price.at >= self.last.at:
            self.last = price

    def close(self, ts: datetime) -> MinuteBar:
        last = self.last
        return MinuteBar(
            last.symbol, ts, self.open, self.high, self.low, last.mid, self.volume,
            last.bid, last.ask,
        )  # fmt: skip


class MinuteBuilder:
    """Builds the minutes of all symbols of one stream, over any number of connections."""

    def __init__(self) -> None:
        self.late = 0  # prices of minutes that were closed already
        self.broken = 0  # minutes with prices that a break of the connection cut
        self._minutes: dict[tuple[datetime, str], _OpenMinute] = {}
        self._seen: set[str] = set()  # symbols that this connection has named
        self._covered_from: datetime | None = None  # from then on no price was missed
        self._heard: datetime | None = None  # the newest time that the provider has named
        self._closed_until = datetime.min.replace(tzinfo=UTC)  # minutes before it are closed

    def take(self, message: Message) -> list[MinuteBar]:
        """Take a message; return the minutes that it closes, in their order."""
        if isinstance(message, Garbage):
            return []
        if isinstance(message, Price):
            is_first = message.symbol not in self._seen
            self._seen.add(message.symbol)
            if not is_first:
                self._cover(message.at)
            # The first price of a symbol may say where it stood before the connection began.
            if not is_first or self._is_covered(message.at):
                self._add(message)
        else:
            self._cover(message.at)
        self._heard = max(self._heard or message.at, message.at)
        return self._close(self._heard - GRACE)

    def interrupt(self) -> list[MinuteBar]:
        """Note that the connection is lost; return the minutes that were over by then."""
        bars = self._close(self._heard) if self._heard else []
        self.broken += len(self._minutes)
        self._minutes.clear()
        self._seen.clear()
        self._covered_from = self._heard = None
        return bars

    def _cover(self, at: datetime) -> None:
        if self._covered_from is None:
            self._covered_from = at

    def _is_covered(self, at: datetime) -> bool:
        return self._covered_from is not None and self._covered_from <= at

    def _add(self, price: Price) -> None:
        ts = floor_minute(price.at)
        if ts < self._closed_until:
            self.late += 1
            return
        minute = self._minutes.get((ts, price.symbol))
        if minute is None:
            self._minutes[ts, price.symbol] = _OpenMinute(
                price.mid, price.mid, price.mid, price, price.size
            )
        else:
            minute.add(price)

    def _close(self, at: datetime) -> list[MinuteBar]:
        """Close the minutes that end at an instant or before; leave out those begun unseen."""
        until = floor_minute(at)
        if until <= self._closed_until:
            return []
        self._closed_until = until
        bars = []
        for key in sorted(key for key in self._minutes if key[0] < until):
            minute = self._minutes.pop(key)
            if self._is_covered(key[0]):
                bars.append(minute.close(key[0]))
            else:
                self.broken += 1
        return bars


def floor_minute(at: datetime) -> datetime:
    """Return the beginning of an instant's minute."""
    return at.replace(second=0, microsecond=0)
