"""Exchange sessions and the bars inside them. The calendar decides what a bar is.

A bar is named by its open (`ts`) and ends at `closes_at`, both UTC. Two grids cut a session
into intraday bars: `session` counts from the open (09:30, 10:30, ... on XNYS), `clock` from
the full clock hour in the exchange's own time zone (09:00, 10:00, ...). The last bar of a
session ends with the session. A daily bar is a session; a weekly or monthly one is all its
sessions. The calendars are those of exchange-calendars, and a few of our own (own_calendars.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.core.intervals import INTERVALS, Interval, interval_of, utc
from pipelines.core.own_calendars import OWN_CALENDARS, ZONE, build_sessions

Grid = Literal["session", "clock"]
GRIDS: tuple[Grid, ...] = ("session", "clock")
FIRST_SESSION = np.datetime64("1970-01-01")  # the library's own default starts twenty years back
EARLIEST = np.datetime64("0001-01-01")
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
    """Sessions of an exchange, from `known_from` on."""

    known_from: np.datetime64  # earlier sessions have not been loaded
    day: np.ndarray  # datetime64[D]
    opens: np.ndarray  # datetime64[us]
    closes: np.ndarray  # datetime64[us]
    tz: tzinfo

    def span(self, low: np.datetime64, high: np.datetime64) -> tuple[int, int]:
        """Return the range of the sessions that open in [low, high)."""
        first, last = np.searchsorted(self.opens, [low, high], side="left")
        return int(first), int(max(first, last))


class Calendar:
    """Sessions of one exchange and the bars they hold."""

    def __init__(self, name: str) -> None:
        import exchange_calendars as xc

        self.name = name
        self._history: _Sessions | None = None
        names = [*xc.get_calendar_names(), *OWN_CALENDARS]
        if name not in names:
            raise unknown("calendar", name, names)

    @property
    def tz(self) -> tzinfo:
        """The exchange's time zone."""
        return self._load_since(np.datetime64("now", "us")).tz

    def _load_since(self, instant: np.datetime64) -> _Sessions:
        """Load the sessions from at least a year before `instant` on; keep them.

        Half a century of sessions takes half a second, and most callers need only a part.
        """
        history = self._history
        if history is None or instant - MARGIN < history.known_from:
            year = (instant - MARGIN).astype("datetime64[Y]")
            if history is None:
                year = min(year, np.datetime64("now", "Y") - 1)
            else:  # ten years more, so that older days do not each load again
                year = min(year, history.known_from.astype("datetime64[Y]") - 10)
            # Assigned in one step: other threads use the same calendar.
            history = self._history = _load_sessions(self.name, year.astype("datetime64[D]"))
        return history

    @cached_property
    def time_zone(self) -> str:
        """Name of the exchange's time zone: America/New_York."""
        return str(self._load_since(to_numpy(datetime.now(UTC))).tz)

    def sessions(self, start: datetime, end: datetime) -> np.ndarray:
        """Return the dates of the sessions that open in [start, end)."""
        history = self._load_since(to_numpy(start))
        low, high = history.span(to_numpy(start), to_numpy(end))
        days: np.ndarray = history.day[low:high]
        return days

    def bars(
        self, interval: Interval, start: datetime, end: datetime, grid: Grid = "session"
    ) -> Bars:
        """Return the bars that open in [start, end)."""
        # A bar can open before its session does (the 09:00 clock bar of a 09:30 open), and a
        # month opens up to a month before the sessions that close it.
        reach = np.timedelta64(1 if interval.intraday else 32, "D")
        first, last = to_numpy(start) - reach, to_numpy(end) + reach
        history = self._load_since(first)
        bars = self._cut(history, interval, grid, *history.span(first, last))
        return bars.take((bars.ts >= to_numpy(start)) & (bars.ts < to_numpy(end)))

    def whole_sessions(
        self, interval: Interval, first: np.datetime64, last: np.datetime64, grid: Grid = "session"
    ) -> Bars:
        """Return all bars of the sessions from the one of bar `first` to the one of bar `last`."""
        day = np.timedelta64(40, "D")
        history = self._load_since(first - day)
        bars = self._cut(history, interval, grid, *history.span(first - day, last + day))
        ends = np.searchsorted(bars.ts, [first, last], side="right") - 1
        sessions = bars.session[np.maximum(ends, 0)]
        return bars.take((bars.session >= sessions[0]) & (bars.session <= sessions[1]))

    def closed_bars(
        self, interval: Interval, start: datetime, end: datetime, grid: Grid = "session"
    ) -> Bars:
        """Return the bars that open at or after `start` and have closed by `end`."""
        bars = self.bars(interval, start, end, grid)
        return bars.take(bars.closes_at <= to_numpy(end))

    def newest_closed(self, interval: Interval, at: datetime, grid: Grid = "session") -> Bars:
        """Return the bar that closed last before or at `at`, as Bars of length one."""
        reach = timedelta(days=15 if interval.intraday else 70)
        return _take_last(self.closed_bars(interval, utc(at) - reach, at, grid))

    def _cut(self, history: _Sessions, interval: Interval, grid: Grid, low: int, high: int) -> Bars:
        sessions, opens, closes = (
            history.day[low:high],
            history.opens[low:high],
            history.closes[low:high],
        )
        if interval.name == "1d":
            return Bars(opens, closes, sessions)
        if not interval.intraday:
            return self._cut_periods(interval, sessions, opens, closes)
        assert interval.minutes is not None
        step = np.timedelta64(interval.minutes, "m").astype("timedelta64[us]")
        first = _clock_floor(opens, history.tz, interval.minutes) if grid == "clock" else opens
        counts = -((first - closes) // step)  # ceiling division
        owner = np.repeat(np.arange(len(opens)), counts)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        ts = first[owner] + place * step
        return Bars(ts, np.minimum(ts + step, closes[owner]), sessions[owner])

    def _cut_periods(
        self, interval: Interval, sessions: np.ndarray, opens: np.ndarray, closes: np.ndarray
    ) -> Bars:
        if interval.name == "1w":  # weeks start on Monday; 1969-12-29 was one
            period = (sessions - np.datetime64("1969-12-29")).astype(int) // 7
        else:
            period = sessions.astype("datetime64[M]").astype(int)
        # The span may begin or end inside a period; callers ask for more and drop those two.
        starts = np.flatnonzero(np.diff(period, prepend=period[:1] - 1))
        ends = np.append(starts[1:], len(period)) - 1 if len(starts) else starts
        return Bars(opens[starts], closes[ends], sessions[starts])

    def opens_of(self, interval: Interval, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the daily, weekly or monthly bar of each date; return (ts, is found).

        A daily bar has the date of its session; a week or a month is found by any day in it.
        """
        if len(labels) == 0:
            return labels.astype("datetime64[us]"), np.zeros(0, bool)
        first, last = labels.min() - np.timedelta64(40, "D"), labels.max() + np.timedelta64(40, "D")
        history = self._load_since(first)
        low, high = np.searchsorted(history.day, [first, last])
        bars = self._cut(history, interval, "session", int(low), int(high))
        if interval.name == "1d":
            keys, label_keys = bars.session, labels
        elif interval.name == "1w":
            monday = np.datetime64("1969-12-29")
            keys = (bars.session - monday).astype(int) // 7
            label_keys = (labels - monday).astype(int) // 7
        else:
            keys, label_keys = bars.session.astype("datetime64[M]"), labels.astype("datetime64[M]")
        if len(keys) == 0:  # before the calendar's first session, or after its last
            return np.full(len(labels), np.datetime64("NaT", "us")), np.zeros(len(labels), bool)
        place = np.minimum(np.searchsorted(keys, label_keys), len(keys) - 1)
        return bars.ts[place], keys[place] == label_keys

    def is_open(self, at: datetime) -> bool:
        history = self._load_since(to_numpy(at))
        place = int(np.searchsorted(history.opens, to_numpy(at), side="right")) - 1
        return place >= 0 and bool(to_numpy(at) < history.closes[place])

    def first_open(self, day: date) -> datetime:
        """Return the open of the first session on or after a day."""
        history = self._load_since(np.datetime64(day))
        place = int(np.searchsorted(history.day, np.datetime64(day)))
        if place == len(history.day):
            raise InvalidRequest(f"the calendar {self.name} ends before {day}")
        return from_numpy(history.opens[place])

    def session_bounds(self, session: date) -> tuple[datetime, datetime]:
        history = self._load_since(np.datetime64(session))
        place = int(np.searchsorted(history.day, np.datetime64(session)))
        if place == len(history.day) or history.day[place] != np.datetime64(session):
            raise InvalidRequest(f"{session} is no session of {self.name}")
        return from_numpy(history.opens[place]), from_numpy(history.closes[place])


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


def _take_last(bars: Bars) -> Bars:
    return Bars(bars.ts[-1:], bars.closes_at[-1:], bars.session[-1:])


def _clock_floor(opens: np.ndarray, tz: tzinfo, minutes: int) -> np.ndarray:
    import pandas as pd

    local = pd.DatetimeIndex(opens, tz="UTC").tz_convert(tz)
    past = (local.hour * 60 + local.minute) % minutes
    floored: np.ndarray = opens - past.to_numpy().astype("timedelta64[m]")
    return floored


def _load_sessions(name: str, first: np.datetime64) -> _Sessions:
    """Load the sessions from a day on, at the earliest from 1970 or the exchange's first day."""
    import exchange_calendars as xc
    from exchange_calendars import ExchangeCalendar as base

    if name in OWN_CALENDARS:
        return _load_own_sessions(name, first)
    try:
        exchange = xc.get_calendar(name, start=str(max(first, FIRST_SESSION)))
        # Where the library shifts single days, its result depends on the first day loaded.
        shifts = type(exchange).apply_special_offsets is not base.apply_special_offsets
        if shifts and first > FIRST_SESSION:
            return _load_sessions(name, FIRST_SESSION)
    except ValueError:  # this exchange's own history starts later
        exchange = xc.get_calendar(name, start=type(xc.get_calendar(name)).bound_min())
        first = FIRST_SESSION
    schedule = exchange.schedule
    opens, closes = (
        schedule[end].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        for end in ("open", "close")
    )
    day = schedule.index.to_numpy().astype("datetime64[D]")
    known_from = first if first > FIRST_SESSION else EARLIEST
    return _Sessions(known_from, day, opens, closes, exchange.tz)


def _load_own_sessions(name: str, first: np.datetime64) -> _Sessions:
    """Load the sessions of a calendar of our own, until a year from now as the library does."""
    first = max(first, FIRST_SESSION)
    day, opens, closes = build_sessions(name, first, np.datetime64("now", "D") + MARGIN)
    known_from = first if first > FIRST_SESSION else EARLIEST
    return _Sessions(known_from, day, opens, closes, ZoneInfo(ZONE))


def spans_night(market: Calendar, closes_at: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Return which spans from a close to a later close contain the open of another session.

    Both are NumPy UTC instants; where the later one is unknown (NaT) the value is False.
    """
    is_known = ~np.isnat(later)
    nights = np.zeros(len(later), bool)
    if not is_known.any():
        return nights
    first, last = from_numpy(closes_at[is_known].min()), from_numpy(later[is_known].max())
    opens = market.bars(interval_of("1d"), first, last).ts
    # A market that opens at the instant it closes has no night: hence the two sides.
    before = np.searchsorted(opens, closes_at[is_known], side="right")
    nights[is_known] = before < np.searchsorted(opens, later[is_known], side="left")
    return nights


def calendar(name: str = "XNYS") -> Calendar:
    """Return the calendar of an exchange by its name: XNYS, XLON, 24/5, FX, ..."""
    return _cached_calendar(
        name
    )  # one object: the cache would treat calendar() and calendar("XNYS") as two


@lru_cache(maxsize=32)
def _cached_calendar(name: str) -> Calendar:
    return Calendar(name)
