"""Exchange sessions and the bars inside them. The calendar decides what a bar is.

A bar is named by its open (`ts`) and ends at `closes_at`, both UTC. Two grids cut a session
into intraday bars: `session` counts from the open (09:30, 10:30, ... on XNYS), `clock` from
the full clock hour in the exchange's own time zone (09:00, 10:00, ...). The last bar of a
session ends with the session. A daily bar is a session; a weekly or monthly one is all its
sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

import numpy as np
import pyarrow as pa

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.core.intervals import INTERVALS, Interval, interval_of, utc

Grid = Literal["session", "clock"]
GRIDS: tuple[Grid, ...] = ("session", "clock")
FIRST_SESSION = np.datetime64("1970-01-01")  # the library's own default starts twenty years back
EVER = np.datetime64("0001-01-01")
MARGIN = np.timedelta64(365, "D")
UTC_TYPE = pa.timestamp("us", tz="UTC")

__all__ = [
    "GRIDS", "INTERVALS", "UTC_TYPE", "Bars", "Calendar", "Grid", "Interval",
    "calendar", "interval_of", "next_closes", "spans_night", "utc",
]  # fmt: skip


@dataclass(frozen=True)
class Bars:
    """Bars of a grid in ascending order: opens, closes and session dates, as NumPy UTC instants."""

    ts: np.ndarray  # datetime64[us]
    closes_at: np.ndarray  # datetime64[us]
    session: np.ndarray  # datetime64[D]

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, mask: np.ndarray) -> Bars:
        return Bars(self.ts[mask], self.closes_at[mask], self.session[mask])

    def table(self) -> pa.Table:
        return pa.table(
            {
                "ts": pa.array(self.ts).cast(UTC_TYPE),
                "closes_at": pa.array(self.closes_at).cast(UTC_TYPE),
                "session": pa.array(self.session),
            }
        )


@dataclass(frozen=True)
class _Sessions:
    """The sessions of an exchange from some day on."""

    known_from: np.datetime64  # what lies before it was not asked of the library
    day: np.ndarray  # datetime64[D]
    opens: np.ndarray  # datetime64[us]
    closes: np.ndarray  # datetime64[us]
    tz: tzinfo

    def span(self, low: np.datetime64, high: np.datetime64) -> tuple[int, int]:
        """The places of the sessions with an open in [low, high)."""
        first, last = np.searchsorted(self.opens, [low, high], side="left")
        return int(first), int(max(first, last))


class Calendar:
    """Sessions of one exchange and the bars they hold."""

    def __init__(self, name: str) -> None:
        import exchange_calendars as xc

        self.name = name
        self._held: _Sessions | None = None
        known = xc.get_calendar_names()
        if name not in known:
            raise unknown("calendar", name, known)

    def _since(self, at: np.datetime64) -> _Sessions:
        """The sessions from a year and more before `at` on.

        Making those of half a century takes half a second, and few ask for more than a part.
        """
        held = self._held
        if held is None or at - MARGIN < held.known_from:
            year = (at - MARGIN).astype("datetime64[Y]")
            if held is None:
                year = min(year, np.datetime64("now", "Y") - 1)
            else:  # far enough not to come back for every older day
                year = min(year, held.known_from.astype("datetime64[Y]") - 10)
            # Set as a whole: other threads ask the same calendar.
            held = self._held = _sessions(self.name, year.astype("datetime64[D]"))
        return held

    def sessions(self, start: datetime, end: datetime) -> np.ndarray:
        """Session dates with an open in [start, end)."""
        held = self._since(to_numpy(start))
        low, high = held.span(to_numpy(start), to_numpy(end))
        found: np.ndarray = held.day[low:high]
        return found

    def bars(
        self, interval: Interval, start: datetime, end: datetime, grid: Grid = "session"
    ) -> Bars:
        """The bars whose open lies in [start, end)."""
        # A bar can open before its session does (the 09:00 clock bar of a 09:30 open), and a
        # month opens up to a month before the sessions that close it.
        reach = np.timedelta64(1 if interval.intraday else 32, "D")
        first, last = to_numpy(start) - reach, to_numpy(end) + reach
        held = self._since(first)
        made = self._cut(held, interval, grid, *held.span(first, last))
        return made.take((made.ts >= to_numpy(start)) & (made.ts < to_numpy(end)))

    def whole_sessions(
        self, interval: Interval, first: np.datetime64, last: np.datetime64, grid: Grid = "session"
    ) -> Bars:
        """Every bar of the sessions that the bars opening at `first` and `last` belong to."""
        day = np.timedelta64(40, "D")
        held = self._since(first - day)
        made = self._cut(held, interval, grid, *held.span(first - day, last + day))
        ends = np.searchsorted(made.ts, [first, last], side="right") - 1
        sessions = made.session[np.maximum(ends, 0)]
        return made.take((made.session >= sessions[0]) & (made.session <= sessions[1]))

    def closed_bars(
        self, interval: Interval, start: datetime, end: datetime, grid: Grid = "session"
    ) -> Bars:
        """The bars that open at or after `start` and are closed at `end`."""
        made = self.bars(interval, start, end, grid)
        return made.take(made.closes_at <= to_numpy(end))

    def newest_closed(self, interval: Interval, at: datetime, grid: Grid = "session") -> Bars:
        """The one bar that closed last at `at`."""
        reach = timedelta(days=15 if interval.intraday else 70)
        return _last(self.closed_bars(interval, utc(at) - reach, at, grid))

    def _cut(self, held: _Sessions, interval: Interval, grid: Grid, low: int, high: int) -> Bars:
        sessions, opens, closes = held.day[low:high], held.opens[low:high], held.closes[low:high]
        if interval.name == "1d":
            return Bars(opens, closes, sessions)
        if not interval.intraday:
            return self._long(interval, sessions, opens, closes)
        assert interval.minutes is not None
        step = np.timedelta64(interval.minutes, "m").astype("timedelta64[us]")
        first = _clock_floor(opens, held.tz, interval.minutes) if grid == "clock" else opens
        counts = -((first - closes) // step)  # ceiling division
        which = np.repeat(np.arange(len(opens)), counts)
        place = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        ts = first[which] + place * step
        return Bars(ts, np.minimum(ts + step, closes[which]), sessions[which])

    def _long(
        self, interval: Interval, sessions: np.ndarray, opens: np.ndarray, closes: np.ndarray
    ) -> Bars:
        if interval.name == "1w":  # weeks start on Monday; 1969-12-29 was one
            period = (sessions - np.datetime64("1969-12-29")).astype(int) // 7
        else:
            period = sessions.astype("datetime64[M]").astype(int)
        # the span may begin or end inside a period: those two are dropped by the caller's reach
        starts = np.flatnonzero(np.diff(period, prepend=period[:1] - 1))
        ends = np.append(starts[1:], len(period)) - 1 if len(starts) else starts
        return Bars(opens[starts], closes[ends], sessions[starts])

    def opens_of(self, interval: Interval, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The bars that date labels (datetime64[D]) name, from one day up: (ts, found).

        A day is named by its session; a week or a month by any day in it.
        """
        if len(labels) == 0:
            return labels.astype("datetime64[us]"), np.zeros(0, bool)
        first, last = labels.min() - np.timedelta64(40, "D"), labels.max() + np.timedelta64(40, "D")
        held = self._since(first)
        low, high = np.searchsorted(held.day, [first, last])
        made = self._cut(held, interval, "session", int(low), int(high))
        if interval.name == "1d":
            keys, wanted = made.session, labels
        elif interval.name == "1w":
            monday = np.datetime64("1969-12-29")
            keys = (made.session - monday).astype(int) // 7
            wanted = (labels - monday).astype(int) // 7
        else:
            keys, wanted = made.session.astype("datetime64[M]"), labels.astype("datetime64[M]")
        if len(keys) == 0:  # before the calendar's first session, or after its last
            return np.full(len(labels), np.datetime64("NaT", "us")), np.zeros(len(labels), bool)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return made.ts[place], keys[place] == wanted

    def is_open(self, at: datetime) -> bool:
        held = self._since(to_numpy(at))
        place = int(np.searchsorted(held.opens, to_numpy(at), side="right")) - 1
        return place >= 0 and bool(to_numpy(at) < held.closes[place])

    def first_open(self, day: date) -> datetime:
        """The open of the first session on or after a day."""
        held = self._since(np.datetime64(day))
        place = int(np.searchsorted(held.day, np.datetime64(day)))
        if place == len(held.day):
            raise InvalidRequest(f"the calendar {self.name} ends before {day}")
        return from_numpy(held.opens[place])

    def session_bounds(self, session: date) -> tuple[datetime, datetime]:
        held = self._since(np.datetime64(session))
        place = int(np.searchsorted(held.day, np.datetime64(session)))
        if place == len(held.day) or held.day[place] != np.datetime64(session):
            raise InvalidRequest(f"{session} is no session of {self.name}")
        return from_numpy(held.opens[place]), from_numpy(held.closes[place])


def next_closes(
    market: Calendar, interval: Interval, grid: Grid, ts: np.ndarray, horizon: int
) -> np.ndarray:
    """Return the close of the bar that comes `horizon` bars after each; NaT for what is no bar.

    After the last bar of a session comes the first of the next.
    """
    if not len(ts):
        return ts.astype("datetime64[us]")
    if interval.minutes is not None:
        days = 15 + horizon * interval.minutes // 100
    else:
        days = 15 + {"1d": 2, "1w": 8, "1mo": 32}[interval.name] * horizon
    first, last = (utc(str(at) + "+00:00") for at in (ts.min(), ts.max()))
    bars = market.bars(interval, first, last + timedelta(days=days), grid)
    place = np.searchsorted(bars.ts, ts)
    inside = np.minimum(place, len(bars) - 1)
    is_bar = bars.ts[inside] == ts if len(bars) else np.zeros(len(ts), bool)
    if is_bar.any() and place[is_bar].max() + horizon >= len(bars):
        raise InvalidRequest(
            f"the calendar {market.name} ends before the bar that follows {last}",
            "update exchange-calendars",
        )
    closes_at = np.full(len(ts), np.datetime64("NaT"), "datetime64[us]")
    closes_at[is_bar] = bars.closes_at[place[is_bar] + horizon]
    return closes_at


def _last(bars: Bars) -> Bars:
    return Bars(bars.ts[-1:], bars.closes_at[-1:], bars.session[-1:])


def _clock_floor(opens: np.ndarray, tz: tzinfo, minutes: int) -> np.ndarray:
    import pandas as pd

    local = pd.DatetimeIndex(opens, tz="UTC").tz_convert(tz)
    past = (local.hour * 60 + local.minute) % minutes
    floored: np.ndarray = opens - past.to_numpy().astype("timedelta64[m]")
    return floored


def _sessions(name: str, first: np.datetime64) -> _Sessions:
    """The sessions from a day on: from 1970, or the exchange's own beginning, at the earliest."""
    import exchange_calendars as xc
    from exchange_calendars import ExchangeCalendar as base

    try:
        exchange = xc.get_calendar(name, start=str(max(first, FIRST_SESSION)))
        # Where the library shifts single days its answers depend on where a calendar begins.
        shifts = type(exchange).apply_special_offsets is not base.apply_special_offsets
        if shifts and first > FIRST_SESSION:
            return _sessions(name, FIRST_SESSION)
    except ValueError:  # this exchange's own history starts later
        exchange = xc.get_calendar(name, start=type(xc.get_calendar(name)).bound_min())
        first = FIRST_SESSION
    schedule = exchange.schedule
    opens, closes = (
        schedule[end].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        for end in ("open", "close")
    )
    day = schedule.index.to_numpy().astype("datetime64[D]")
    known_from = first if first > FIRST_SESSION else EVER
    return _Sessions(known_from, day, opens, closes, exchange.tz)


def spans_night(market: Calendar, closes_at: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Tell which spans from a bar's close to a later close hold the open of another session.

    Both are NumPy UTC instants; where the later one is not known (NaT) there is no night.
    """
    known = ~np.isnat(later)
    nights = np.zeros(len(later), bool)
    if not known.any():
        return nights
    first, last = from_numpy(closes_at[known].min()), from_numpy(later[known].max())
    opens = market.bars(interval_of("1d"), first, last).ts
    # A market that opens where it closes has no night between: hence the sides.
    before = np.searchsorted(opens, closes_at[known], side="right")
    nights[known] = before < np.searchsorted(opens, later[known], side="left")
    return nights


def calendar(name: str = "XNYS") -> Calendar:
    """The calendar of an exchange by its name in exchange-calendars: XNYS, XLON, 24/5, ..."""
    return _made(name)  # one for every way of asking: the cache tells arguments from defaults


@lru_cache(maxsize=32)
def _made(name: str) -> Calendar:
    return Calendar(name)
