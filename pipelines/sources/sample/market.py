"""The bars of the sample market, for any instrument and span.

1. The skeleton says where the price stands at a session's open and at the close of each hour.
2. Inside an hour the minutes follow a Brownian bridge between the two, with the variance that the
   past leaves unexplained. An hour's close is drawn from the law of that same motion, so its
   beginning tells nothing about its end beyond the planted drift.
3. A minute's high and low are extremes of a Brownian bridge between its open and close; its
   volume follows the time of day, the day's volatility and the size of the move.
4. Prices are whole ticks. Every coarser bar is the aggregate of its minutes, whatever is asked,
   and the minutes of a session are made from numbers that only its date and symbol address. So
   a request costs the sessions it touches.
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
    grid,
    instruments,
    minute_share,
    skeleton,
    slot_share,
    stream,
)

ROOM = 400  # random numbers set aside for a session; a multiple of the four Philox makes at a time
CHUNK = 64  # sessions made at a time: their minutes fit the processor's cache


@dataclass(frozen=True)
class Ticks:
    """Bars whose prices are counted in ticks, as whole numbers in float64."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    bid: np.ndarray  # the ask is one tick above

    def take(self, which: np.ndarray | slice) -> Ticks:
        return Ticks(*(getattr(self, f.name)[which] for f in fields(self)))

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
        )


def join(parts: list[Ticks]) -> Ticks:
    return Ticks(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Ticks)))


@dataclass(frozen=True)
class Span:
    """The bars that are wanted, and the sessions (a range of the grid) that hold them."""

    interval: Interval
    low: int
    high: int
    bars: Bars
    place: np.ndarray  # of the wanted bars among all bars of those sessions
    starts: np.ndarray | None  # from one week up: the first session of each bar


def span_of(interval: Interval, start: datetime, end: datetime, closed_by: datetime) -> Span:
    """The bars that open in [start, end) and are closed at `closed_by`."""
    xnys, at = calendar("XNYS"), grid()
    limit = to_numpy(closed_by)
    if interval.intraday or interval.name == "1d":
        midnight = utc(start).replace(hour=0, minute=0, second=0, microsecond=0)
        made = xnys.bars(interval, midnight, utc(end) + timedelta(days=1))
        wanted = (
            (made.ts >= to_numpy(start)) & (made.ts < to_numpy(end)) & (made.closes_at <= limit)
        )
        if not wanted.any():
            return Span(interval, 0, 0, made.take(wanted), np.zeros(0, int), None)
        days = made.session[wanted]
        inside = (made.session >= days[0]) & (made.session <= days[-1])
        low = int(np.searchsorted(at.session, days[0]))
        high = int(np.searchsorted(at.session, days[-1], side="right"))
        return Span(interval, low, high, made.take(wanted), np.flatnonzero(wanted[inside]), None)
    bars = xnys.bars(interval, start, end)
    bars = bars.take(bars.closes_at <= limit)
    if len(bars) == 0:
        return Span(interval, 0, 0, bars, np.zeros(0, int), None)
    low = int(np.searchsorted(at.opens, bars.ts[0]))
    high = int(np.searchsorted(at.closes, bars.closes_at[-1], side="right"))
    starts = np.searchsorted(at.opens[low:high], bars.ts)
    return Span(interval, low, high, bars, np.arange(len(bars)), starts)


def ticks(market: Market, symbol: str, span: Span) -> Ticks:
    """The bars of one symbol over a span."""
    step = span.interval.minutes
    parts = []
    for low, high, minutes in _runs(span.low, span.high):
        starts = np.arange(0, minutes, step or minutes)
        made = _minutes(market, instruments()[symbol], low, high, minutes)
        if step != 1:
            made = made.group(starts)
        parts.append(Ticks(*(getattr(made, f.name).ravel() for f in fields(made))))
    if not parts:
        return Ticks(*(np.zeros(0) for _ in fields(Ticks)))
    whole = join(parts)
    if span.starts is not None:
        whole = whole.group(span.starts)
    return whole if len(span.place) == len(whole.open) else whole.take(span.place)


def _runs(low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of sessions of one length, CHUNK at most: (low, high, minutes)."""
    minutes = grid().minutes
    while low < high:
        end = min(low + CHUNK, high)
        other = np.flatnonzero(minutes[low:end] != minutes[low])
        end = low + int(other[0]) if len(other) else end
        yield low, end, int(minutes[low])
        low = end


@dataclass(frozen=True)
class _Tables:
    """What the 65,536 values of a 16-bit random number stand for."""

    normal: np.ndarray
    excess: np.ndarray  # -2 log U: how far a bridge strays
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
    """How variance and volume are spread over the minutes of a session."""

    ends: np.ndarray  # the last minute of each hourly slot
    counts: np.ndarray  # minutes of each slot
    deviation: np.ndarray  # minute -> square root of its share of a day's variance
    done: np.ndarray  # minute -> part of its slot's variance that lies behind it
    volume: np.ndarray  # minute -> share of volume, one on average


@cache
def _shape(minutes: int) -> _Shape:
    share, whole = minute_share(minutes), slot_share(minutes)
    starts = np.arange(0, minutes, SLOT)
    counts = np.diff(np.append(starts, minutes))
    behind = np.cumsum(share) - np.repeat(np.cumsum(whole) - whole, counts)
    return _Shape(
        ends=starts + counts - 1,
        counts=counts,
        deviation=np.sqrt(share),
        done=behind / np.repeat(whole, counts),
        volume=share / minute_share(FULL_DAY).mean(),
    )


def _numbers(market: Market, symbol: str, days: np.ndarray, minutes: int) -> np.ndarray:
    """Four 16-bit numbers a minute, addressed by symbol and day: (days, minutes, 4)."""
    assert minutes <= ROOM
    low, count = int(days[0]), int(days[-1] - days[0]) + 1
    source = np.random.Philox(key=stream(market.seed, "minutes", symbol), counter=low * (ROOM // 4))
    raw = source.random_raw(count * ROOM).astype("<u8", copy=False).reshape(count, ROOM)
    return raw[days - low, :minutes].view("<u2").reshape(len(days), minutes, 4)


def _minutes(market: Market, it: Instrument, low: int, high: int, minutes: int) -> Ticks:
    """The minutes of the sessions [low, high), all of one length: arrays (sessions, minutes)."""
    at, bones, shape, table = grid(), skeleton(market, it.symbol), _shape(minutes), _tables()
    number = _numbers(market, it.symbol, at.weekday[low:high], minutes)
    slots = len(shape.ends)
    first = at.first[low]
    level = bones.level[first : first + (high - low) * slots].reshape(-1, slots)
    opening = bones.opening[low:high, None]
    volatility = bones.volatility[low:high, None]
    spread = market.rest * volatility

    walk = np.cumsum(table.normal[number[..., 0]] * shape.deviation, axis=1) * spread
    walked = walk[:, shape.ends]
    zero = np.zeros_like(opening)
    walk_from, level_from = (
        np.hstack((zero, walked[:, :-1])),
        np.hstack((opening, level[:, :-1])),
    )
    tilt = (level - level_from) - (walked - walk_from)
    walk += np.repeat(level_from - walk_from, shape.counts, axis=1)
    walk += np.repeat(tilt, shape.counts, axis=1) * shape.done

    close = np.maximum(np.rint(np.exp(walk) * it.ticks), 1.0)
    begin = np.empty_like(close)
    begin[:, 1:] = close[:, :-1]
    begin[:, :1] = np.maximum(np.rint(np.exp(opening) * it.ticks), 1.0)

    move = close - begin
    far = np.abs(move)
    unit = begin * (spread * shape.deviation)
    square, unit_square = move * move, unit * unit
    above = np.sqrt(square + unit_square * table.excess[number[..., 1]]) - far
    below = np.sqrt(square + unit_square * table.excess[number[..., 2]]) - far
    high_ = np.maximum(begin, close) + np.rint(0.5 * above)
    low_ = np.maximum(np.minimum(begin, close) - np.rint(0.5 * below), 1.0)

    if it.volume:
        norm = it.volatility / np.sqrt(DAYS_A_YEAR)
        usual = it.volume * shape.volume * (volatility / norm)
        volume = np.rint(usual * table.bustle[number[..., 3]] * (0.5 + 0.6 * far / unit)) + 1.0
    else:
        volume = np.zeros_like(close)
    # The last trade was at the bid or at the ask, by a coin.
    bid = close - (number[..., 3] & 1) if it.quoted else np.broadcast_to(np.nan, close.shape)
    return Ticks(begin, high_, low_, close, volume, bid)


def partial(market: Market, symbol: str, ts: datetime, at: datetime) -> Ticks:
    """The bar in progress that opened at `ts`, from its minutes closed at `at`."""
    first = ts + timedelta(minutes=1)
    through = max(utc(at).replace(second=0, microsecond=0), first)
    made = ticks(market, symbol, span_of(interval_of("1m"), ts, through, through))
    if through > utc(at):  # only the opening print is known
        flat = made.open
        return Ticks(
            flat, flat, flat, flat, np.zeros(1), np.where(np.isnan(made.bid), np.nan, flat)
        )
    return made.group(np.zeros(1, int))
