"""Bars of a caller, held to the rules of silver and placed on the calendar.

The rules are those of pipelines.landing.judge, in NumPy: a request is too small to ask a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from pipelines.core.calendar import Bars, Calendar, Grid, Interval
from serving.schemas.errors import Refused
from serving.state.times import instants

VALUES = ("open", "high", "low", "close", "volume")
UNITS, SPIKE, LEAP = 20.0, 3.0, 5.0  # factors between prices of one bar, and of two closes
FIRST = np.datetime64("1970-01-01", "us")
YEARS = 60  # that a series may reach back


@dataclass(frozen=True, eq=False)
class Placed:
    """One symbol's bars in ascending order, each on its place of the calendar."""

    ts: np.ndarray  # datetime64[us]
    closes_at: np.ndarray
    values: np.ndarray  # a row a bar, a column of VALUES each; NaN: no volume
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ts)

    def last(self, count: int) -> Placed:
        return Placed(self.ts[-count:], self.closes_at[-count:], self.values[-count:], self.notices)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row."""

    row: int
    reason: str
    detail: str
    field: str


def faults(values: np.ndarray, no_volume: np.ndarray) -> list[Fault]:
    """The first rule of silver that each row breaks; `no_volume` says which rows name none."""
    high_first = values[:, :4]
    found: dict[int, Fault] = {}

    def tell(broken: np.ndarray, reason: str, field: str, words: str) -> None:
        for row in np.flatnonzero(broken).tolist():
            if row not in found:
                found[row] = Fault(row, reason, words.format(*_shown(values[row])), field)

    with np.errstate(invalid="ignore", over="ignore"):
        for column, name in enumerate(VALUES):
            here = values[:, column]
            absent = no_volume if name == "volume" else np.zeros(len(values), bool)
            shown = f"{name} is {{{column}}}"
            tell(~np.isfinite(here) & ~absent, "not_a_number", name, shown)
            if name == "volume":
                tell(here < 0, "negative", name, f"{shown}, not at least 0")
            else:
                tell(here <= 0, "not_positive", name, f"{shown}, not above 0")
        most, least = high_first[:, [0, 1, 3]].max(axis=1), high_first[:, [0, 2, 3]].min(axis=1)
        apart = "prices of one bar differ by a factor of {5}"
        tell(most > UNITS * least, "unit_error", "close", apart)
        tell(most > SPIKE * least, "spike", "close", apart)
        open_, high, low, close = high_first.T
        bound = (high * (1 + 1e-6) >= np.maximum(np.maximum(open_, close), low)) & (
            low <= np.minimum(open_, close) * (1 + 1e-6)
        )
        words = "high {1} and low {2} do not bound open {0} and close {3}"
        tell(~bound, "high_low", "high", words)
    return [found[row] for row in sorted(found)]


def _shown(row: np.ndarray) -> list[str]:
    prices = row[:4]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = prices[[0, 1, 3]].max() / prices[[0, 2, 3]].min()
    return [*(f"{value:g}" for value in row), f"{factor:.1f}"]


def leap(values: np.ndarray) -> int | None:
    """The first row whose close leaps away from the one before; silver holds such bars back."""
    steps = np.abs(np.diff(np.log(values[:, 3])))
    found = np.flatnonzero(steps > np.log(LEAP))
    return int(found[0]) + 1 if len(found) else None


def on_grid(
    ts: np.ndarray, market: Calendar, interval: Interval, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Which instants open a bar of the calendar, and when these bars close."""
    closes = np.full(len(ts), np.datetime64("NaT"), "datetime64[us]")
    now = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
    asked = (ts >= FIRST) & (ts < now + np.timedelta64(366, "D"))
    if not asked.any():
        return asked, closes
    made = market.whole_sessions(interval, ts[asked].min(), ts[asked].max(), grid)
    if not len(made):
        return np.zeros(len(ts), bool), closes
    at = np.minimum(np.searchsorted(made.ts, ts), len(made) - 1)
    known = asked & (made.ts[at] == ts)
    closes[known] = made.closes_at[at[known]]
    return known, closes


def opens(ts: np.ndarray, market: Calendar, interval: Interval, grid: Grid) -> np.ndarray:
    """From one day up a bar may be named by its day: then it is the one that day's session has."""
    days = ts.astype("datetime64[D]")
    by_day = (ts == days) & (ts >= FIRST) & (days <= np.datetime64("today") + 1)
    if interval.intraday or not by_day.any():
        return ts
    days = days[by_day]
    made = market.whole_sessions(interval, days.min(), days.max() + 1, grid)
    at = np.minimum(np.searchsorted(made.session, days), len(made) - 1)
    found = ts.copy()
    found[by_day] = np.where(made.session[at] == days, made.ts[at], ts[by_day])
    return found


def newest(count: int, market: Calendar, interval: Interval, grid: Grid, now: datetime) -> Bars:
    """The last `count` bars of the calendar that had closed; fewer where it has no more."""
    per_day = {"1w": 0.2, "1mo": 0.045}.get(interval.name, 1.0)
    if interval.minutes is not None:
        per_day = max(1.0, 390 / interval.minutes)
    days = 15 + int(2 * count / per_day)
    found = market.closed_bars(interval, now - timedelta(days=min(days, 365 * YEARS)), now, grid)
    return Bars(found.ts[-count:], found.closes_at[-count:], found.session[-count:])


def placed(
    values: np.ndarray,
    ts: Sequence[datetime] | None,
    market: Calendar,
    interval: Interval,
    grid: Grid,
    now: datetime,
) -> Placed:
    """Bars that have passed the rules of a row, on the calendar; whatever cannot be is refused."""
    if ts is None:
        named = newest(len(values), market, interval, grid, now)
        if len(named) < len(values):
            raise Refused(
                f"{market.name} has not had {len(values):,} {interval} bars", "send fewer", "bars"
            )
        note = (
            f"the bars have no times: they count as the newest {len(values)} closed ones of "
            f"{market.name}, up to {_time(named.closes_at[-1])}"
        )
        return steady(Placed(named.ts, named.closes_at, values, (note,)))
    opened = opens(instants(ts), market, interval, grid)
    _ascending(opened)
    known, closes = on_grid(opened, market, interval, grid)
    for row in np.flatnonzero(~known)[:1].tolist():
        raise Refused(
            f"bar {row}: {_time(opened[row])} opens no {interval} bar of {market.name}",
            "name bars by their open in UTC (from one day up, by their day), or leave all times "
            "out to have them count as the newest closed ones",
            f"bars.{row}.ts",
        )
    open_still = np.flatnonzero(closes > np.datetime64(now.replace(tzinfo=None), "us"))
    if len(open_still) > 1 or (len(open_still) and len(opened) == 1):
        row = int(open_still[0])
        raise Refused(
            f"bar {row} closes at {_time(closes[row])}: it has not closed yet",
            "send closed bars only",
            f"bars.{row}.ts",
        )
    made = Placed(opened, closes, values)
    if len(open_still):
        note = f"the last bar was left out: it closes at {_time(closes[-1])}"
        made = Placed(opened[:-1], closes[:-1], values[:-1], (note,))
    return steady(made)


def _ascending(ts: np.ndarray) -> None:
    back = np.flatnonzero(ts[1:] <= ts[:-1])
    if not len(back):
        return
    row = int(back[0]) + 1
    twice = ts[row] == ts[row - 1]
    raise Refused(
        f"bar {row}: {_time(ts[row])} {'comes twice' if twice else 'comes after a later bar'}",
        "send each bar once, oldest first",
        f"bars.{row}.ts",
    )


def steady(made: Placed) -> Placed:
    row = leap(made.values)
    if row is not None:
        raise Refused(
            f"bar {row}: the close leaps from {made.values[row - 1, 3]:g} to "
            f"{made.values[row, 3]:g}",
            "adjust all bars for splits, and give them in one unit",
            f"bars.{row}.close",
        )
    return made


def missing(made: Placed, market: Calendar, interval: Interval, grid: Grid) -> int:
    """Bars that the calendar has between the first and the last, and the caller has not."""
    whole = market.whole_sessions(interval, made.ts[0], made.ts[-1], grid)
    inside = (whole.ts >= made.ts[0]) & (whole.ts <= made.ts[-1])
    return int(inside.sum()) - len(made)


def _time(at: np.datetime64) -> str:
    return f"{at.astype('datetime64[m]')}Z".replace("T", " ")
