"""Calendars that exchange-calendars does not have: markets of brokers, open for five days on end.

A session has the date of the day on which it ends, at 17:00 in New York; Monday's begins on Sunday.

- `FX` (currencies): from 17:00 to 17:00, so that one session follows the other from Sunday evening
  to Friday evening. Closed on 1 January and 25 December.
- `US_INDEX_CFD` (contracts on US share indices): from 18:00 to 17:00, with an hour's break. It is
  closed on Good Friday, and for the sessions that New York's exchange omits around Christmas and
  New Year; on its other holidays it ends at 13:00, on its half-days at 13:15, as the futures do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

ZONE = "America/New_York"
CLOSES = 17 * 60  # minutes after midnight
YEAR_END = ("12-24", "12-25", "12-26", "12-31", "01-01", "01-02")
EASTER = ("03-19", "04-24")  # before the first Good Friday, after the last


@dataclass(frozen=True)
class _Hours:
    """The weekdays on which a market is open, and its hours in minutes after midnight."""

    day: np.ndarray  # datetime64[D]
    opens: np.ndarray  # below 0: on the day before
    closes: np.ndarray


def build_sessions(
    name: str, first: np.datetime64, last: np.datetime64
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return date, open and close (UTC) of each session from the day `first` to the day `last`."""
    days = np.arange(first.astype("datetime64[D]"), last.astype("datetime64[D]") + 1)
    hours = OWN_CALENDARS[name](days[np.is_busday(days)])
    return hours.day, _to_utc(hours.day, hours.opens), _to_utc(hours.day, hours.closes)


def _fx_hours(weekdays: np.ndarray) -> _Hours:
    day = weekdays[~np.isin(_month_days(weekdays), ("12-25", "01-01"))]
    closes = np.full(len(day), CLOSES)
    return _Hours(day, closes - 24 * 60, closes)


def _us_index_hours(weekdays: np.ndarray) -> _Hours:
    shares = _share_closes(weekdays)  # in minutes after midnight, -1 on a holiday
    month_day = _month_days(weekdays)
    is_holiday = shares < 0
    is_friday = (weekdays.astype(int) + 3) % 7 == 4
    is_good_friday = is_holiday & is_friday & (month_day > EASTER[0]) & (month_day < EASTER[1])
    is_open = ~is_good_friday & ~(is_holiday & np.isin(month_day, YEAR_END))
    closes = np.full(len(weekdays), CLOSES)
    closes[is_holiday] = 13 * 60
    closes[~is_holiday & (shares < 16 * 60)] = 13 * 60 + 15
    closes = closes[is_open]
    return _Hours(weekdays[is_open], np.full(len(closes), 18 * 60 - 24 * 60), closes)


OWN_CALENDARS: dict[str, Callable[[np.ndarray], _Hours]] = {
    "FX": _fx_hours,
    "US_INDEX_CFD": _us_index_hours,
}


def _share_closes(weekdays: np.ndarray) -> np.ndarray:
    """Return when shares stop trading in New York, in minutes after midnight; -1: no session."""
    import exchange_calendars as xc

    margin = timedelta(days=10)
    ends = [weekdays[0].item() - margin, weekdays[-1].item() + margin]
    closes = xc.get_calendar("XNYS", start=str(ends[0]), end=str(ends[1])).schedule["close"]
    local = closes.dt.tz_convert(ZONE)
    minutes = (local.dt.hour * 60 + local.dt.minute).to_numpy()
    days = closes.index.to_numpy().astype("datetime64[D]")
    place = np.minimum(np.searchsorted(days, weekdays), len(days) - 1)
    return np.where(days[place] == weekdays, minutes[place], -1)


def _month_days(days: np.ndarray) -> np.ndarray:
    """Return each day as MM-DD."""
    texts = np.datetime_as_string(days).astype("U10")
    return np.array([text[-5:] for text in texts], dtype="U5")


def _to_utc(day: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    import pandas as pd

    local = day.astype("datetime64[us]") + minutes.astype("timedelta64[m]")
    instants = pd.DatetimeIndex(local).tz_localize(ZONE).tz_convert("UTC").tz_localize(None)
    times: np.ndarray = instants.to_numpy().astype("datetime64[us]")
    return times
