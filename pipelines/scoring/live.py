"""Live rows are written in time to act on: before the forecast's next own bar has closed.

Own bars have the length of the forecast's interval and follow its exchange's calendar: after the
last bar of a session comes the first of the next. The horizon plays no part: a forecast of 30
bars ahead is as late after one bar as a forecast of the next bar.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from pipelines.core.calendar import Calendar, Grid, Interval, next_closes
from pipelines.core.instants import to_numpy


def find_deadlines(market: Calendar, interval: Interval, grid: Grid, ts: np.ndarray) -> np.ndarray:
    """Return until when a row about each bar is live: the next bar's close; NaT for no bar."""
    return next_closes(market, interval, grid, ts, 1)


def mark_live(live_until: np.ndarray, written_at: datetime) -> np.ndarray:
    """Mark the rows that are written before their deadline."""
    in_time: np.ndarray = live_until > to_numpy(written_at)
    return in_time


def delay_seconds(closes_at: np.ndarray, written_at: datetime) -> np.ndarray:
    """Return the seconds from the close of each scored bar to the moment its row is written."""
    micros = (to_numpy(written_at) - closes_at).astype("timedelta64[us]").astype(np.int64)
    delays: np.ndarray = micros / 1e6
    return delays
