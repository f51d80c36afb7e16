"""Minutes are built whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.stream.messages import Garbage, Heartbeat, Price
from pipelines.stream.minutes import MINUTE, MinuteBar, MinuteBuilder

START = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def quote(seconds: float, mid: float, symbol: str = "ES", size: float = 1.0) -> Price:
    return Price(symbol, at(seconds), mid - 1, mid + 1, mid, size)


def build(builder: MinuteBuilder, *messages: Price | Heartbeat | Garbage) -> list[MinuteBar]:
    return [bar for message in messages for bar in builder.take(message)]


def test_a_minute_has_the_prices_of_its_time_and_the_quotes_at_its_close() -> None:
    builder = MinuteBuilder()
    bars = build(
        builder,
        Heartbeat(at(-1)),
        quote(0, 100),
        quote(10, 107),
        quote(30, 95),
        quote(59.9, 101),
        Heartbeat(at(60.25)),
    )
    assert bars == [MinuteBar("ES", START, 100, 107, 95, 101, 4, 100, 102)]
    assert bars[0].closes_at == START + MINUTE


def test_a_minute_stays_open_until_the_provider_names_a_later_time() -> None:
    builder = MinuteBuilder()
    assert build(builder, Heartbeat(at(-1)), quote(0, 100), Heartbeat(at(60.1))) == []
    # A price that comes a little after a newer one still belongs to its minute.
    (bar,) = build(builder, quote(59.99, 90), quote(60.3, 120))
    assert (bar.low, bar.close, bar.volume) == (90, 90, 2)
    assert build(builder, quote(59, 1)) == []
    assert builder.late == 1


def test_the_minute_in_which_a_connection_begins_is_left_to_the_candle() -> None:
    builder = MinuteBuilder()
    first = build(builder, Heartbeat(at(20)), quote(30, 100), quote(70, 101), Heartbeat(at(121)))
    assert [bar.ts for bar in first] == [at(60)]
    assert builder.broken == 1


def test_the_first_price_of_a_connection_does_not_say_since_when_it_stands() -> None:
    builder = MinuteBuilder()
    # It is the newest there was: of before the connection.
    assert build(builder, quote(-20, 99), quote(30, 100), Heartbeat(at(61))) == []
    assert [bar.ts for bar in build(builder, quote(61, 100), Heartbeat(at(121)))] == [at(60)]


def test_a_break_cuts_the_running_minute_and_no_closed_one() -> None:
    builder = MinuteBuilder()
    build(builder, Heartbeat(at(-1)), quote(0, 100), quote(60.1, 101))
    assert [bar.ts for bar in builder.interrupt()] == [START]  # its end had been named
    assert builder.broken == 1
    after = build(builder, Heartbeat(at(80)), quote(90, 102), quote(121, 103), Heartbeat(at(181)))
    assert [bar.ts for bar in after] == [at(120)]
    assert builder.interrupt() == []


def test_minutes_without_prices_are_no_bars_and_symbols_close_together() -> None:
    builder = MinuteBuilder()
    bars = build(
        builder,
        Heartbeat(at(-1)),
        quote(1, 5, "B"),
        quote(2, 6, "A"),
        Garbage("?"),
        Heartbeat(at(200)),
    )
    assert [(bar.symbol, bar.ts) for bar in bars] == [("A", START), ("B", START)]


@given(
    st.lists(st.tuples(st.floats(0, 400), st.floats(1, 9)), min_size=1, max_size=60),
    st.sets(st.integers(0, 59), max_size=4),
)
def test_whatever_breaks_a_bar_equals_the_candle_or_is_absent(
    prices: list[tuple[float, float]], breaks: set[int]
) -> None:
    prices.sort(key=lambda pair: pair[0])
    quotes = [quote(round(seconds, 3), mid) for seconds, mid in prices]
    builder, bars = MinuteBuilder(), list[MinuteBar]()
    bars += builder.take(Heartbeat(at(-1)))
    heard = at(-1)
    for place, price in enumerate(quotes):
        if place in breaks:  # the connection is lost, and a price with it
            bars += builder.interrupt()
            bars += builder.take(Heartbeat(price.at + timedelta(milliseconds=1)))
            continue
        bars += builder.take(price)
        heard = price.at
    bars += builder.take(Heartbeat(at(500)))
    assert len({bar.ts for bar in bars}) == len(bars)
    assert heard <= at(400)
    for bar in bars:
        own = [q for q in quotes if bar.ts <= q.at < bar.closes_at]
        assert bar.volume == len(own)
        mids = [q.mid for q in own]
        assert (bar.open, bar.high, bar.low) == (mids[0], max(mids), min(mids))
        assert bar.close == own[-1].mid
