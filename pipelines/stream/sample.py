"""The sample market's prices, as a provider would stream them: in real time, or faster.

Each minute's prices begin at its open, reach its high and its low, and end at its close with the
quotes of that instant; their volumes add up to the minute's. So a minute that was built from them
is the bar that the sample gives. Faster than real time it begins in the past, at the open of the
newest session where no start is named, and goes on in real time once it has caught up with the
clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar
from zlib import crc32

import numpy as np

from pipelines.core.calendar import calendar, interval_of, utc
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.instants import from_numpy
from pipelines.sources.sample import BEGINNING, Sample
from pipelines.sources.sample.market import Ticks, span_of, ticks
from pipelines.sources.sample.skeleton import instruments
from pipelines.stream.messages import Heartbeat, Message, Price, TimedMessage
from pipelines.stream.minutes import MINUTE, floor_minute

CALENDAR = "XNYS"
PRICES = 20  # a minute
FIRST, EVERY = timedelta(seconds=1.5), timedelta(seconds=3)
HEARTBEAT = timedelta(seconds=5)
FASTEST = 3600.0
DAY = timedelta(days=1)


class SamplePrices:
    """The live prices of some symbols of the sample, by a clock that may be in haste.

    `began` is when `start` was, by this machine's clock: a restart that names both goes on where
    the clock would be.
    """

    source: ClassVar[str] = "sample"

    def __init__(
        self,
        symbols: tuple[str, ...],
        speed: float = 1.0,
        start: datetime | None = None,
        began: datetime | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        for symbol in symbols:
            if symbol not in instruments():
                raise unknown("symbol", symbol, instruments())
        if not 1 <= speed <= FASTEST:
            raise InvalidRequest(
                f"a speed of {speed:g}", f"name one from 1, which is real time, to {FASTEST:g}"
            )
        self.symbols, self._speed, self._sleep, self._clock = symbols, speed, sleep, clock
        now = clock()
        self._began = began or now
        self._start = utc(start) if start else _default_start(now, speed)
        if not BEGINNING <= self._start <= now:
            raise InvalidRequest(
                f"the sample cannot begin at {self._start}",
                f"name a start from {BEGINNING:%Y-%m-%d} to now",
            )
        self._market = Sample().market
        self._day: tuple[date | None, dict[datetime, int], dict[str, Ticks]] = (None, {}, {})

    def now(self) -> datetime:
        now = self._clock()
        return min(self._start + (now - self._began) * self._speed, now)

    def calendar_of(self, symbol: str) -> str:
        return CALENDAR

    def connect(self) -> Iterator[Message]:
        began = self.now()
        yield Heartbeat(began)
        minute = floor_minute(began)
        while True:
            for message in self._messages(minute):
                if message.at >= began:
                    self._wait_until(message.at)
                    yield message
            minute += MINUTE

    def _wait_until(self, at: datetime) -> None:
        while (ahead := at - self.now()) > timedelta(0):
            self._sleep(max(ahead.total_seconds() / self._speed, 0.001))

    def _messages(self, minute: datetime) -> list[TimedMessage]:
        """Return the messages of a minute, in the order of their times."""
        messages: list[TimedMessage] = [
            Heartbeat(minute + place * HEARTBEAT) for place in range(MINUTE // HEARTBEAT)
        ]
        places, by_symbol = self._load_day(minute)
        if minute in places:
            for symbol in self.symbols:
                messages += self._prices(symbol, minute, by_symbol[symbol], places[minute])
        return sorted(messages, key=lambda message: message.at)

    def _load_day(self, minute: datetime) -> tuple[dict[datetime, int], dict[str, Ticks]]:
        """Return the minutes of a day by their opens, and the bars of each symbol."""
        day, places, by_symbol = self._day
        if day != minute.date():
            begin = minute.replace(hour=0, minute=0)
            span = span_of(interval_of("1m"), begin, begin + DAY, begin + 2 * DAY)
            places = {from_numpy(ts): place for place, ts in enumerate(span.bars.ts)}
            by_symbol = {symbol: ticks(self._market, symbol, span) for symbol in self.symbols}
            self._day = minute.date(), places, by_symbol
        return places, by_symbol

    def _prices(self, symbol: str, minute: datetime, bars: Ticks, place: int) -> Iterator[Price]:
        scale = instruments()[symbol].ticks
        low, high, close = bars.low[place], bars.high[place], bars.close[place]
        seed = [self._market.seed, crc32(symbol.encode()), int(minute.timestamp())]
        random = np.random.default_rng(seed)
        path = random.integers(int(low), int(high), PRICES, endpoint=True).astype(float)
        path[0], path[-1] = bars.open[place], close
        path[random.choice(np.arange(1, PRICES - 1), 2, replace=False)] = low, high
        below, above = close - bars.bid[place], bars.ask[place] - close
        share = bars.volume[place] // PRICES
        for number, price in enumerate(path):
            is_last = number == PRICES - 1
            yield Price(
                symbol,
                minute + FIRST + number * EVERY,
                _quote(price - below, scale),
                _quote(price + above, scale),
                float(price / scale),
                float(bars.volume[place] - share * (PRICES - 1) if is_last else share),
            )


def _quote(price: float, scale: float) -> float | None:
    """Return a quote; None of a symbol that has none."""
    return None if np.isnan(price) else float(price / scale)


def _default_start(now: datetime, speed: float) -> datetime:
    """Return the open of the newest session; in real time, now."""
    if speed == 1:
        return now
    sessions = calendar(CALENDAR).bars(interval_of("1d"), now - 15 * DAY, now)
    return from_numpy(sessions.ts[-1])
