"""Read bars out of OANDA's candles: the middle of bid and ask, and both at the close. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import Calendar, Interval, calendar, interval_of, utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.instants import from_numpy
from pipelines.core.own_calendars import ZONE
from pipelines.sources.base import BARS, REJECTS, Answer, Parsed
from pipelines.sources.oanda.replies import candles_of

CALENDAR = "FX"
US_INDICES = frozenset({"SPX500_USD", "NAS100_USD", "US30_USD", "US2000_USD"})
OHLC, CLOSE = ("o", "h", "l", "c"), ("c",)
NEW_YORK = ZoneInfo(ZONE)
TO_MIDNIGHT = timedelta(hours=7)  # from 17:00, when a session of the next date begins


class _Unreadable(Exception):
    """A candle that is none, with the reason in one word and in a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class _Candle:
    row: int  # place in the answer, from 1
    opens_at: datetime
    is_complete: bool
    values: tuple[float | None, ...]  # open, high, low, close, volume, bid, ask


@dataclass
class _Rows:
    """The rows of an answer's bars, and of what is none."""

    symbol: str
    bars: list[tuple[Any, ...]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, ts: datetime | None, row: int, error: _Unreadable, original: Any) -> None:
        self.rejects.append(
            {
                "symbol": self.symbol,
                "ts": ts,
                "row": row,
                "reason": error.reason,
                "detail": error.detail,
                "original": json.dumps(original),
            }
        )

    def bar_table(self) -> pa.Table:
        columns = zip(*self.bars, strict=True) if self.bars else [()] * len(BARS)
        arrays = [pa.array(list(c), f.type) for c, f in zip(columns, BARS, strict=True)]
        return pa.Table.from_arrays(arrays, schema=BARS)


def calendar_of(symbol: str) -> str:
    """Return the calendar of an instrument."""
    return "US_INDEX_CFD" if symbol in US_INDICES else CALENDAR


def read_candles(answer: Answer) -> Parsed:
    """Parse the bars of an answer that open in the span that was asked for.

    A candle that OANDA calls incomplete is no bar: where the bar has closed by the clock it is
    rejected as unclosed, else it comes later, and whoever lands the answer counts it so.
    """
    query = answer.query
    symbol, interval = str(query["symbol"]), interval_of(str(query["interval"]))
    originals = candles_of(answer.body, symbol, interval.name)
    market = calendar(calendar_of(symbol))
    rows, candles = _Rows(symbol), []
    for number, original in enumerate(originals, 1):
        try:
            candles.append(_read_candle(number, original))
        except _Unreadable as error:
            rows.reject(None, number, error, original)
    start, end = utc(str(query["start"])), utc(str(query["end"]))
    labels, opens = _place(market, interval, candles)
    known_at = min(utc(str(query["as_of"])), answer.received_at)
    newest_closed = _newest_closed_open(market, interval, known_at)
    for candle, label, opens_at in zip(candles, labels, opens, strict=True):
        if not start <= opens_at < end:
            continue  # it was asked for so that no bar is cut at the edge of the span
        if candle.is_complete or opens_at > newest_closed:
            rows.bars.append((symbol, label, *candle.values, candle.row))
        else:
            unclosed = _Unreadable("unclosed", "OANDA says that this candle is not complete yet")
            rows.reject(label, candle.row, unclosed, originals[candle.row - 1])
    return Parsed(
        interval,
        rows.bar_table(),
        rejects=pa.Table.from_pylist(rows.rejects, schema=REJECTS),
        calendar=market.name,
        missing_bars={"default": "warn"},  # OANDA has no candle where there was no price
    )


def _read_candle(row: int, candle: Any) -> _Candle:
    if not isinstance(candle, Mapping):
        raise _Unreadable("not_an_object", "a candle is an object with time and prices")
    is_complete = candle.get("complete")
    if not isinstance(is_complete, bool):
        raise _Unreadable("not_a_candle", f"`complete` is {is_complete!r}, not true or false")
    prices = _read_prices(candle, "mid", OHLC)
    if prices is None:
        raise _Unreadable("no_price", "the candle has no `mid`")
    bid, ask = (_read_prices(candle, side, CLOSE) or (None,) for side in ("bid", "ask"))
    volume = candle.get("volume")
    values = (*prices, None if volume is None else _number("volume", volume), *bid, *ask)
    return _Candle(row, _read_time(candle.get("time")), is_complete, values)


def _read_time(text: Any) -> datetime:
    try:
        return utc(text) if isinstance(text, str) else _no_time(text)
    except InvalidRequest:
        return _no_time(text)


def _no_time(text: Any) -> datetime:
    raise _Unreadable("bad_time", f"`time` is {text!r}, no time with a zone")


def _read_prices(
    candle: Mapping[str, Any], side: str, names: Sequence[str]
) -> tuple[float, ...] | None:
    """Return the named prices of one side; None where the candle lacks that side."""
    prices = candle.get(side)
    if prices is None:
        return None
    if not isinstance(prices, Mapping):
        raise _Unreadable("not_an_object", f"`{side}` has no o, h, l and c")
    return tuple(_number(f"{side}.{name}", prices.get(name)) for name in names)


def _number(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise _Unreadable("not_a_number", f"`{name}` is {value!r}")
    return number


def _place(
    market: Calendar, interval: Interval, candles: Sequence[_Candle]
) -> tuple[list[datetime], list[datetime]]:
    """Return by which time each candle is named, and when its bar opens by the calendar."""
    times = [candle.opens_at for candle in candles]
    if interval.intraday:
        return times, times
    days = [(at.astimezone(NEW_YORK).replace(tzinfo=None) + TO_MIDNIGHT).date() for at in times]
    if interval.name == "1w":  # it begins when Friday's session has ended
        days = [
            day + timedelta(days=(-day.weekday()) % 7 if day.weekday() > 4 else 0) for day in days
        ]
    opens, is_bar = market.opens_of(interval, np.array(days, "datetime64[D]"))
    labels = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    by_calendar = [
        from_numpy(opens[place]) if is_bar[place] else at for place, at in enumerate(times)
    ]
    return labels, by_calendar


def _newest_closed_open(market: Calendar, interval: Interval, at: datetime) -> datetime:
    """Return the open of the bar that closed last before or at an instant."""
    if interval.minutes is not None:
        return at - timedelta(minutes=interval.minutes)
    newest = market.newest_closed(interval, at).ts
    return from_numpy(newest[-1]) if len(newest) else at
