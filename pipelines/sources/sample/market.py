"""The bars of the sample market, for any instrument and span.

1. The skeleton says where the price stands at a session's open and at the close of each hour.
2. Inside an hour the minutes follow a Brownian bridge between the two, with the variance that the
   past leaves unexplained. An hour's close is drawn from the same motion, so the beginning of an
   hour predicts nothing about its end beyond the planted drift.
3. A minute's high and low are extremes of a Brownian bridge between its open and close; its
   volume follows the time of day, the day's volatility and the size of the move.
   An instrument with quotes closes at its bid, at its ask or between; these are one to three
   ticks apart, the further the livelier the minute. It goes after its news slowly (slow_price.py).
4. Prices are whole ticks. Every coarser bar is the aggregate of its minutes, for every request,
   and the minutes of a session are drawn from numbers that depend only on its date and symbol.
   So the cost of a request is that of its sessions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache

import numpy as np

from pipelines.core.calendar import Bars, Interval, calendar, interval_of, utc
from pipelines.core.instants import to_numpy
from pipelines.sources.sample.skeleton import (
    DAYS_A_YEAR,
    FULL_DAY,
    SLOT,
    Instrument,
    Market,
    close_before,
    grid,
    instruments,
    minute_share,
    skeleton,
    slot_share,
    stream,
)
from pipelines.sources.sample.slow_price import SLOW, gap_from_within, slow_path, start_gaps

ROOM = 400  # random numbers reserved for a session; a multiple of four, as Philox draws them
CHUNK = 64  # sessions computed at a time: their minutes fit the processor's cache


@dataclass(frozen=True)
class Ticks:
    """Bars whose prices are counted in ticks, as whole numbers in float64."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    bid: np.ndarray
    ask: np.ndarray

    def take(self, rows: np.ndarray | slice) -> Ticks:
        return Ticks(*(getattr(self, f.name)[rows] for f in fields(self)))

    def group(self, starts: np.ndarray) -> Ticks:
        """Aggregate along the last axis; a group begins at each of `starts`."""
        ends = np.append(starts[1:], self.open.shape[-1]) - 1
        return Ticks(
            self.open[..., starts],
            np.maximum.reduceat(self.high, starts, axis=-1),
            np.minimum.reduceat(self.low, starts, axis=-1),
            self.close[..., ends],
            np.add.reduceat(self.volume, starts, axis=-1),
            self.bid[..., ends],
            self.ask[..., ends],
        )


def join_ticks(parts: list[Ticks]) -> Ticks:
    return Ticks(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Ticks)))


@dataclass(frozen=True)
class Span:
    """The requested bars, and the sessions (a range of the grid) that contain them."""

    interval: Interval
    low: int
    high: int
    bars: Bars
    place: np.ndarray  # positions of the requested bars among all bars of those sessions
    starts: np.ndarray | None  # from one week up: the first session of each bar


def span_of(interval: Interval, start: datetime, end: datetime, closed_by: datetime) -> Span:
    """Find the bars that open in [start, end) and have closed by `closed_by`."""
    xnys, sessions = calendar("XNYS"), grid()
    limit = to_numpy(closed_by)
    if interval.intraday or interval.name == "1d":
        midnight = utc(start).replace(hour=0, minute=0, second=0, microsecond=0)
        nearby = xnys.bars(interval, midnight, utc(end) + timedelta(days=1))
        in_span = (
            (nearby.ts >= to_numpy(start))
            & (nearby.ts < to_numpy(end))
            & (nearby.closes_at <= limit)
        )
        if not in_span.any():
            return Span(interval, 0, 0, nearby.take(in_span), np.zeros(0, int), None)
        days = nearby.session[in_span]
        inside = (nearby.session >= days[0]) & (nearby.session <= days[-1])
        low = int(np.searchsorted(sessions.session, days[0]))
        high = int(np.searchsorted(sessions.session, days[-1], side="right"))
        return Span(
            interval, low, high, nearby.take(in_span), np.flatnonzero(in_span[inside]), None
        )
    bars = xnys.bars(interval, start, end)
    bars = bars.take(bars.closes_at <= limit)
    if len(bars) == 0:
        return Span(interval, 0, 0, bars, np.zeros(0, int), None)
    low = int(np.searchsorted(sessions.opens, bars.ts[0]))
    high = int(np.searchsorted(sessions.closes, bars.closes_at[-1], side="right"))
    starts = np.searchsorted(sessions.opens[low:high], bars.ts)
    return Span(interval, low, high, bars, np.arange(len(bars)), starts)


def ticks(market: Market, symbol: str, span: Span) -> Ticks:
    """Return the bars of one symbol over a span."""
    step = span.interval.minutes
    parts = []
    for low, high, minutes in runs(span.low, span.high):
        starts = np.arange(0, minutes, step or minutes)
        bar_ticks = _minutes(market, instruments()[symbol], low, high, minutes)
        if step != 1:
            bar_ticks = bar_ticks.group(starts)
        parts.append(Ticks(*(getattr(bar_ticks, f.name).ravel() for f in fields(bar_ticks))))
    if not parts:
        return Ticks(*(np.zeros(0) for _ in fields(Ticks)))
    all_ticks = join_ticks(parts)
    if span.starts is not None:
        all_ticks = all_ticks.group(span.starts)
    return all_ticks if len(span.place) == len(all_ticks.open) else all_ticks.take(span.place)


def runs(low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range into runs of sessions of one length, CHUNK at most: (low, high, minutes)."""
    minutes = grid().minutes
    while low < high:
        end = min(low + CHUNK, high)
        breaks = np.flatnonzero(minutes[low:end] != minutes[low])
        end = low + int(breaks[0]) if len(breaks) else end
        yield low, end, int(minutes[low])
        low = end


@dataclass(frozen=True)
class _Tables:
    """Tables that turn each 16-bit random number into a draw of a distribution."""

    normal: np.ndarray
    excess: np.ndarray  # -2 log U: how far a bridge strays from its ends
    bustle: np.ndarray  # log-normal with mean one


@cache
def _tables() -> _Tables:
    from scipy.special import ndtri  # the API imports this module, and does without SciPy

    uniform = (np.arange(65536) + 0.5) / 65536
    normal = ndtri(uniform)
    normal /= normal.std()
    bustle = np.exp(0.5 * normal)
    return _Tables(normal, -2 * np.log(uniform), bustle / bustle.mean())


@dataclass(frozen=True)
class _Shape:
    """The spread of variance and volume over the minutes of a session."""

    ends: np.ndarray  # the last minute of each hourly slot
    counts: np.ndarray  # minutes of each slot
    deviation: np.ndarray  # minute -> square root of its share of a day's variance
    elapsed: np.ndarray  # minute -> share of its slot's variance up to it
    volume: np.ndarray  # minute -> share of volume, one on average


@cache
def _shape(minutes: int) -> _Shape:
    share, slot_shares = minute_share(minutes), slot_share(minutes)
    starts = np.arange(0, minutes, SLOT)
    counts = np.diff(np.append(starts, minutes))
    behind = np.cumsum(share) - np.repeat(np.cumsum(slot_shares) - slot_shares, counts)
    return _Shape(
        ends=starts + counts - 1,
        counts=counts,
        deviation=np.sqrt(share),
        elapsed=behind / np.repeat(slot_shares, counts),
        volume=share / minute_share(FULL_DAY).mean(),
    )


def _numbers(market: Market, symbol: str, days: np.ndarray, minutes: int) -> np.ndarray:
    """Draw four 16-bit numbers a minute, fixed by symbol and day: (days, minutes, 4)."""
    assert minutes <= ROOM
    low, count = int(days[0]), int(days[-1] - days[0]) + 1
    source = np.random.Philox(key=stream(market.seed, "minutes", symbol), counter=low * (ROOM // 4))
    raw = source.random_raw(count * ROOM).astype("<u8", copy=False).reshape(count, ROOM)
    return raw[days - low, :minutes].view("<u2").reshape(len(days), minutes, 4)


@dataclass(frozen=True)
class _Path:
    """The log prices of sessions of one length, minute by minute, and what they are made from."""

    number: np.ndarray  # random ones: (sessions, minutes, 4)
    opening: np.ndarray  # (sessions, 1)
    volatility: np.ndarray  # (sessions, 1): a full day's
    spread: np.ndarray  # (sessions, 1): the part of it that the past does not explain
    closes: np.ndarray  # (sessions, minutes)


def _path(market: Market, instrument: Instrument, low: int, high: int, minutes: int) -> _Path:
    """Return the path of sessions [low, high) of one length through the skeleton's hours."""
    sessions, bones, shape, table = (
        grid(),
        skeleton(market, instrument.symbol),
        _shape(minutes),
        _tables(),
    )
    number = _numbers(market, instrument.symbol, sessions.weekday[low:high], minutes)
    slots = len(shape.ends)
    first = sessions.first[low]
    level = bones.level[first : first + (high - low) * slots].reshape(-1, slots)
    opening = bones.opening[low:high, None]
    volatility = bones.volatility[low:high, None]
    spread = market.residual * volatility

    walk = np.cumsum(table.normal[number[..., 0]] * shape.deviation, axis=1) * spread
    walked = walk[:, shape.ends]
    zero = np.zeros_like(opening)
    walk_from, level_from = (
        np.hstack((zero, walked[:, :-1])),
        np.hstack((opening, level[:, :-1])),
    )
    tilt = (level - level_from) - (walked - walk_from)
    walk += np.repeat(level_from - walk_from, shape.counts, axis=1)
    walk += np.repeat(tilt, shape.counts, axis=1) * shape.elapsed
    return _Path(number, opening, volatility, spread, walk)


@dataclass(frozen=True)
class SlowPath:
    """The minutes of sessions of an instrument whose price goes after its news slowly, in logs."""

    news: np.ndarray  # (sessions, minutes): where the price would be without delay
    gap: np.ndarray  # how far that is from where it lately was


@dataclass(frozen=True)
class HourProgress:
    """How far each minute's close is in its hour: (sessions, minutes)."""

    elapsed: np.ndarray  # share of the hour's variance up to it
    detour: np.ndarray  # from the straight line between the hour's ends, in the hour's deviations


def hour_progress(market: Market, symbol: str, low: int, high: int) -> HourProgress:
    """Return the progress of the minutes of sessions [low, high), which have one length."""
    minutes = int(grid().minutes[low])
    path, shape = _path(market, instruments()[symbol], low, high, minutes), _shape(minutes)
    ends = path.closes[:, shape.ends]
    begins = np.hstack((path.opening, ends[:, :-1]))
    straight = np.repeat(ends - begins, shape.counts, axis=1) * shape.elapsed
    straight += np.repeat(begins, shape.counts, axis=1)
    deviation = np.sqrt(np.repeat(slot_share(minutes), shape.counts)) * path.spread
    return HourProgress(
        np.broadcast_to(shape.elapsed, path.closes.shape), (path.closes - straight) / deviation
    )


def slow_minutes(market: Market, symbol: str, low: int, high: int) -> SlowPath:
    """Return the path of sessions [low, high), which have one length."""
    minutes = int(grid().minutes[low])
    path = _path(market, instruments()[symbol], low, high, minutes)
    return SlowPath(path.closes, _gaps(market, instruments()[symbol], path, low, high))


def _gaps(market: Market, instrument: Instrument, path: _Path, low: int, high: int) -> np.ndarray:
    """Return the gaps of a path, from the session before each on."""
    before = close_before(market, instrument.symbol)
    own = gap_from_within(path.closes, path.opening)
    earlier = np.zeros(1)
    if low:
        length = int(grid().minutes[low - 1])
        last = _path(market, instrument, low - 1, low, length)
        earlier = gap_from_within(last.closes, last.opening)[:, -1]
    ends = np.concatenate((earlier, own[:-1, -1]))
    jump = path.opening[:, 0] - before[low:high] if low else path.opening[:, 0] * 0.0
    gaps: np.ndarray = own + start_gaps(ends + jump, path.closes.shape[1])
    return gaps


def _minutes(market: Market, instrument: Instrument, low: int, high: int, minutes: int) -> Ticks:
    """Return the minutes of sessions [low, high) of one length: arrays (sessions, minutes)."""
    shape, table = _shape(minutes), _tables()
    path = _path(market, instrument, low, high, minutes)
    number, opening, walk = path.number, path.opening, path.closes
    spread = path.spread
    if instrument.symbol in SLOW and market.lag:
        gap = _gaps(market, instrument, path, low, high)
        walk, opening, share = slow_path(walk, opening, gap, market.lag)
        spread = spread * share

    close = np.maximum(np.rint(np.exp(walk) * instrument.ticks), 1.0)
    begin = np.empty_like(close)
    begin[:, 1:] = close[:, :-1]
    begin[:, :1] = np.maximum(np.rint(np.exp(opening) * instrument.ticks), 1.0)

    move = close - begin
    far = np.abs(move)
    unit = begin * (spread * shape.deviation)
    square, unit_square = move * move, unit * unit
    above = np.sqrt(square + unit_square * table.excess[number[..., 1]]) - far
    below = np.sqrt(square + unit_square * table.excess[number[..., 2]]) - far
    high_ = np.maximum(begin, close) + np.rint(0.5 * above)
    low_ = np.maximum(np.minimum(begin, close) - np.rint(0.5 * below), 1.0)

    if instrument.volume:
        norm = instrument.volatility / np.sqrt(DAYS_A_YEAR)
        usual = instrument.volume * shape.volume * (path.volatility / norm)
        volume = np.rint(usual * table.bustle[number[..., 3]] * (0.5 + 0.6 * far / unit)) + 1.0
    else:
        volume = np.zeros_like(close)
    bid, ask = _quotes(instrument, close, number, far / unit)
    return Ticks(begin, high_, low_, close, volume, bid, ask)


def _quotes(
    instrument: Instrument, close: np.ndarray, number: np.ndarray, move: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return bid and ask about each close: wider after larger moves, the close anywhere between.

    They say nothing of what comes: they are drawn from the last bits of numbers, which do not move
    the tables' draws.
    """
    if not instrument.quoted:
        absent = np.broadcast_to(np.nan, close.shape)
        return absent, absent
    chance = (number[..., 2] & 255) / 256
    width = 1.0 + (chance < 0.15 + 0.2 * np.minimum(move, 2)) + (chance < 0.05 * move)
    above = np.floor((number[..., 3] & 255) / 256 * (width + 1))  # from the close up to the ask
    ask = close + above
    return np.maximum(ask - width, 1.0), ask


def partial_bar(market: Market, symbol: str, ts: datetime, as_of: datetime) -> Ticks:
    """Return the bar in progress that opened at `ts`, from its minutes closed at `as_of`."""
    first = ts + timedelta(minutes=1)
    through = max(utc(as_of).replace(second=0, microsecond=0), first)
    minutes = ticks(market, symbol, span_of(interval_of("1m"), ts, through, through))
    if through > utc(as_of):  # only the opening print is known
        flat = minutes.open
        quote = np.where(np.isnan(minutes.bid), np.nan, flat)
        return Ticks(flat, flat, flat, flat, np.zeros(1), quote, quote)
    return minutes.group(np.zeros(1, int))
