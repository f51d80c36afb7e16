"""Bars of a request: checked by the rules of silver, and placed on the calendar.

The rules are those of pipelines.landing.rules, in NumPy: a request is too small to ask a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from pipelines.core.calendar import Bars, Calendar, Grid, Interval
from pipelines.core.errors import InvalidField
from pipelines.core.instants import to_numpy

VALUES = ("open", "high", "low", "close", "volume", "bid", "ask")
OPTIONAL = ("volume", "bid", "ask")  # which a bar may lack
UNITS, SPIKE, LEAP = 20.0, 3.0, 5.0  # factors between prices of one bar, and of two closes
FIRST = np.datetime64("1970-01-01", "us")
YEARS = 60  # that a series may reach back


@dataclass(frozen=True, eq=False)
class RequestBars:
    """Bars of one symbol, oldest first, each placed on the calendar."""

    ts: np.ndarray  # datetime64[us]
    closes_at: np.ndarray
    values: np.ndarray  # a row a bar, a column of VALUES each; NaN: not there
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ts)

    def last(self, count: int) -> RequestBars:
        """Return the last `count` bars."""
        return RequestBars(
            self.ts[-count:], self.closes_at[-count:], self.values[-count:], self.notices
        )


@dataclass(frozen=True)
class BarFault:
    """A rule that one row breaks."""

    row: int
    reason: str
    detail: str
    field: str


def find_faults(values: np.ndarray, absent: np.ndarray) -> list[BarFault]:
    """Return the first rule of silver that each row breaks.

    `absent` marks the values that were not sent at all, which is allowed of those in OPTIONAL.
    """
    high_first = values[:, :4]
    by_row: dict[int, BarFault] = {}

    def note_fault(broken: np.ndarray, reason: str, field: str, words: str) -> None:
        for row in np.flatnonzero(broken).tolist():
            if row not in by_row:
                by_row[row] = BarFault(row, reason, words.format(*_format_row(values[row])), field)

    with np.errstate(invalid="ignore", over="ignore"):
        for column, name in enumerate(VALUES):
            cells = values[:, column]
            is_allowed = absent[:, column] & (name in OPTIONAL)
            text = f"{name} is {{{column}}}"
            note_fault(~np.isfinite(cells) & ~is_allowed, "not_a_number", name, text)
            if name == "volume":
                note_fault(cells < 0, "negative", name, f"{text}, not at least 0")
            else:
                note_fault(cells <= 0, "not_positive", name, f"{text}, not above 0")
        greatest, smallest = (
            high_first[:, [0, 1, 3]].max(axis=1),
            high_first[:, [0, 2, 3]].min(axis=1),
        )
        difference = "prices of one bar differ by a factor of {7}"
        note_fault(greatest > UNITS * smallest, "unit_error", "close", difference)
        note_fault(greatest > SPIKE * smallest, "spike", "close", difference)
        bid, ask = values[:, VALUES.index("bid")], values[:, VALUES.index("ask")]
        note_fault(bid > ask, "crossed_quote", "bid", "bid {5} is above ask {6}")
        open_, high, low, close = high_first.T
        bound = (high * (1 + 1e-6) >= np.maximum(np.maximum(open_, close), low)) & (
            low <= np.minimum(open_, close) * (1 + 1e-6)
        )
        words = "high {1} and low {2} do not bound open {0} and close {3}"
        note_fault(~bound, "high_low", "high", words)
    return [by_row[row] for row in sorted(by_row)]


def _format_row(row: np.ndarray) -> list[str]:
    prices = row[:4]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = prices[[0, 1, 3]].max() / prices[[0, 2, 3]].min()
    return [*(f"{value:g}" for value in row), f"{factor:.1f}"]


def find_leap(values: np.ndarray) -> int | None:
    """Return the first row whose close leaps from the one before; silver holds such bars back."""
    steps = np.abs(np.diff(np.log(values[:, 3])))
    leaps = np.flatnonzero(steps > np.log(LEAP))
    return int(leaps[0]) + 1 if len(leaps) else None


def match_grid(
    ts: np.ndarray, market: Calendar, interval: Interval, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Return which instants open a bar of the calendar, and when those bars close."""
    closes = np.full(len(ts), np.datetime64("NaT"), "datetime64[us]")
    now = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
    possible = (ts >= FIRST) & (ts < now + np.timedelta64(366, "D"))
    if not possible.any():
        return possible, closes
    sessions = market.whole_sessions(interval, ts[possible].min(), ts[possible].max(), grid)
    if not len(sessions):
        return np.zeros(len(ts), bool), closes
    at = np.minimum(np.searchsorted(sessions.ts, ts), len(sessions) - 1)
    on_grid = possible & (sessions.ts[at] == ts)
    closes[on_grid] = sessions.closes_at[at[on_grid]]
    return on_grid, closes


def resolve_days(ts: np.ndarray, market: Calendar, interval: Interval, grid: Grid) -> np.ndarray:
    """Replace days by the opens of their sessions' bars, for intervals of a day and longer."""
    days = ts.astype("datetime64[D]")
    by_day = (ts == days) & (ts >= FIRST) & (days <= np.datetime64("today") + 1)
    if interval.intraday or not by_day.any():
        return ts
    days = days[by_day]
    sessions = market.whole_sessions(interval, days.min(), days.max() + 1, grid)
    at = np.minimum(np.searchsorted(sessions.session, days), len(sessions) - 1)
    opens = ts.copy()
    opens[by_day] = np.where(sessions.session[at] == days, sessions.ts[at], ts[by_day])
    return opens


def newest_bars(
    count: int, market: Calendar, interval: Interval, grid: Grid, now: datetime
) -> Bars:
    """Return the last `count` closed bars of the calendar, or fewer where it has no more."""
    per_day = {"1w": 0.2, "1mo": 0.045}.get(interval.name, 1.0)
    if interval.minutes is not None:
        per_day = max(1.0, 390 / interval.minutes)
    days = 15 + int(2 * count / per_day)
    bars = market.closed_bars(interval, now - timedelta(days=min(days, 365 * YEARS)), now, grid)
    return Bars(bars.ts[-count:], bars.closes_at[-count:], bars.session[-count:])


def place_bars(
    values: np.ndarray,
    ts: Sequence[datetime] | None,
    market: Calendar,
    interval: Interval,
    grid: Grid,
    now: datetime,
) -> RequestBars:
    """Place bars that passed the rules of a row on the calendar, or refuse them."""
    if ts is None:
        newest = newest_bars(len(values), market, interval, grid, now)
        if len(newest) < len(values):
            raise InvalidField(
                f"{market.name} has not had {len(values):,} {interval} bars", "send fewer", "bars"
            )
        note = (
            f"the bars have no times: they count as the newest {len(values)} closed ones of "
            f"{market.name}, up to {_format_time(newest.closes_at[-1])}"
        )
        return refuse_leap(RequestBars(newest.ts, newest.closes_at, values, (note,)))
    at = np.array([to_numpy(moment) for moment in ts], "datetime64[us]")
    opens = resolve_days(at, market, interval, grid)
    _ascending(opens)
    on_grid, closes = match_grid(opens, market, interval, grid)
    for row in np.flatnonzero(~on_grid)[:1].tolist():
        raise InvalidField(
            f"bar {row}: {_format_time(opens[row])} opens no {interval} bar of {market.name}",
            "name bars by their open in UTC (from one day up, by their day), or leave all times "
            "out to have them count as the newest closed ones",
            f"bars.{row}.ts",
        )
    open_still = np.flatnonzero(closes > np.datetime64(now.replace(tzinfo=None), "us"))
    if len(open_still) > 1 or (len(open_still) and len(opens) == 1):
        row = int(open_still[0])
        raise InvalidField(
            f"bar {row} closes at {_format_time(closes[row])}: it has not closed yet",
            "send closed bars only",
            f"bars.{row}.ts",
        )
    bars = RequestBars(opens, closes, values)
    if len(open_still):
        note = f"the last bar was left out: it closes at {_format_time(closes[-1])}"
        bars = RequestBars(opens[:-1], closes[:-1], values[:-1], (note,))
    return refuse_leap(bars)


def _ascending(ts: np.ndarray) -> None:
    back = np.flatnonzero(ts[1:] <= ts[:-1])
    if not len(back):
        return
    row = int(back[0]) + 1
    problem = "comes twice" if ts[row] == ts[row - 1] else "comes after a later bar"
    raise InvalidField(
        f"bar {row}: {_format_time(ts[row])} {problem}",
        "send each bar once, oldest first",
        f"bars.{row}.ts",
    )


def refuse_leap(bars: RequestBars) -> RequestBars:
    """Return the bars, unless a close leaps from the one before."""
    row = find_leap(bars.values)
    if row is not None:
        raise InvalidField(
            f"bar {row}: the close leaps from {bars.values[row - 1, 3]:g} to "
            f"{bars.values[row, 3]:g}",
            "adjust all bars for splits, and give them in one unit",
            f"bars.{row}.close",
        )
    return bars


def count_missing(bars: RequestBars, market: Calendar, interval: Interval, grid: Grid) -> int:
    """Count the bars of the calendar between the first and the last that were not sent."""
    whole = market.whole_sessions(interval, bars.ts[0], bars.ts[-1], grid)
    inside = (whole.ts >= bars.ts[0]) & (whole.ts <= bars.ts[-1])
    return int(inside.sum()) - len(bars)


def _format_time(at: np.datetime64) -> str:
    return f"{at.astype('datetime64[m]')}Z".replace("T", " ")
