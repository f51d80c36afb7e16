"""The sample's prices make the sample's bars, in real time and faster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from pipelines.core.calendar import interval_of
from pipelines.core.errors import InvalidRequest
from pipelines.sources.base import Request
from pipelines.sources.sample import Sample
from pipelines.stream.messages import Heartbeat, Message, Price
from pipelines.stream.minutes import MinuteBuilder
from pipelines.stream.sample import SamplePrices

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)  # a Wednesday, in session
OPEN = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)


class Clock:
    """Goes only while someone sleeps."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def messages_until(feed: SamplePrices, end: datetime) -> Iterator[Message]:
    return takewhile(lambda message: message.at < end, feed.connect())  # type: ignore[union-attr]


def test_built_minutes_equal_the_bars_of_the_sample() -> None:
    clock = Clock()
    symbols = ("ES", "NVDA")
    feed = SamplePrices(symbols, 60, OPEN, sleep=clock.sleep, clock=clock)
    builder, end = MinuteBuilder(), OPEN + timedelta(hours=2)
    bars = [bar for m in messages_until(feed, end) for bar in builder.take(m)]
    bars += builder.take(Heartbeat(end + timedelta(seconds=1)))
    request = Request(symbols, interval_of("1m"), OPEN, end, NOW)
    (answer,) = Sample().fetch(request)
    expected = {(r["symbol"], r["ts"]): r for r in Sample().parse(answer).bars.to_pylist()}
    assert len(bars) == len(expected) == 240
    for bar in bars:
        row = expected[bar.symbol, bar.ts]
        for name in ("open", "high", "low", "close", "volume", "bid", "ask"):
            assert getattr(bar, name) == row[name], (bar, name)
    assert clock.now - NOW == timedelta(minutes=2)  # sixty times as fast


def test_in_real_time_it_begins_now_and_says_so_between_sessions() -> None:
    clock = Clock(datetime(2026, 11, 25, 23, 0, tzinfo=UTC))
    feed = SamplePrices(("ES",), sleep=clock.sleep, clock=clock)
    messages = list(messages_until(feed, clock.now + timedelta(minutes=1)))
    assert {type(message) for message in messages} == {Heartbeat}
    assert len(messages) == 13
    assert feed.now() == clock.now


def test_a_restart_goes_on_where_the_clock_would_be_and_never_before_its_time() -> None:
    clock = Clock()
    began = NOW - timedelta(seconds=30)
    feed = SamplePrices(("ES",), 60, OPEN, began, sleep=clock.sleep, clock=clock)
    assert feed.now() == OPEN + timedelta(minutes=30)
    first = next(m for m in feed.connect() if isinstance(m, Price))
    assert first.at >= OPEN + timedelta(minutes=30)
    clock.now += timedelta(days=1)
    assert feed.now() == clock.now  # it has caught up


def test_in_haste_it_begins_at_the_open_of_the_newest_session() -> None:
    feed = SamplePrices(("ES",), 60, clock=Clock())
    assert feed.now() == OPEN
    assert feed.calendar_of("ES") == "XNYS"


@pytest.mark.parametrize(
    ("symbols", "speed", "start"),
    [(("ESX",), 1.0, None), (("ES",), 0.0, None), (("ES",), 60.0, NOW + timedelta(days=1))],
    ids=["symbol", "speed", "start"],
)
def test_what_it_cannot_stream_is_refused(
    symbols: tuple[str, ...], speed: float, start: datetime | None
) -> None:
    with pytest.raises(InvalidRequest):
        SamplePrices(symbols, speed, start, clock=Clock())
