"""A row is live until the next own bar closes: over nights, weekends, half days and clock changes.

The deadlines are compared with bars that are cut here by hand from the sessions' opens and closes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.core.calendar import calendar, interval_of, utc
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.scoring.live import delay_seconds, find_deadlines, mark_live
from tests.laws import law

INTERVALS = ("1m", "5m", "15m", "30m", "1h", "1d")
OFFSETS = st.one_of(
    st.sampled_from([timedelta(microseconds=-1), timedelta(0), timedelta(microseconds=1)]),
    st.timedeltas(timedelta(days=-4), timedelta(days=4)),
)
DAYS = st.dates(datetime(2024, 1, 1).date(), datetime(2026, 12, 1).date())


def bars_by_hand(start: datetime, interval: str) -> list[tuple[datetime, datetime]]:
    """Return the opens and closes of the bars of the sessions of ten days, cut in plain Python."""
    market, bars = calendar(), []
    minutes = interval_of(interval).minutes
    for session in market.sessions(start, start + timedelta(days=10)).tolist():
        at, end = market.session_bounds(session)
        step = timedelta(minutes=minutes) if minutes else end - at
        while at < end:
            bars.append((at, min(at + step, end)))
            at += step
    return bars


@law(60)
@given(DAYS, st.sampled_from(INTERVALS), st.integers(-3, 3), OFFSETS)
@example(datetime(2026, 11, 27).date(), "1h", -1, timedelta(0))  # a half day before a weekend
@example(datetime(2026, 3, 6).date(), "1h", -1, timedelta(0))  # clocks go forward before Monday
@example(datetime(2026, 10, 30).date(), "1m", -1, timedelta(0))  # clocks go back before Monday
@example(datetime(2026, 9, 4).date(), "1d", -1, timedelta(0))  # before Labor Day
def test_a_row_is_live_if_and_only_if_it_is_written_before_the_next_bar_closes(
    day: datetime, interval: str, place: int, offset: timedelta
) -> None:
    """`place` counts bars from the end of the day's session: its last ones, and the next first."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    bars = bars_by_hand(start, interval)
    days = [opens.date() for opens, _ in bars]
    number = max(0, days.index(next(day for day in days if day > days[0])) - 1 + place)
    ts, deadline = bars[number][0], bars[number + 1][1]
    deadlines = find_deadlines(
        calendar(), interval_of(interval), "session", np.array([to_numpy(ts)])
    )
    assert from_numpy(deadlines[0]) == deadline
    assert mark_live(deadlines, deadline + offset).tolist() == [offset < timedelta(0)]


def test_a_bar_that_the_calendar_does_not_have_is_never_live() -> None:
    ts = np.array([to_numpy(utc("2026-09-01T13:31+00:00"))])
    deadlines = find_deadlines(calendar(), interval_of("1h"), "session", ts)
    assert np.isnat(deadlines).all()
    assert not mark_live(deadlines, utc("1999-01-01")).any()


def test_the_deadline_follows_the_grid_of_the_series() -> None:
    ts = np.array([to_numpy(utc("2026-09-01T13:00+00:00"))])  # the clock bar of a 13:30 open
    deadlines = find_deadlines(calendar(), interval_of("1h"), "clock", ts)
    assert from_numpy(deadlines[0]) == utc("2026-09-01T15:00+00:00")


@pytest.mark.parametrize(
    ("late", "seconds"),
    [
        (timedelta(milliseconds=1500), 1.5),
        (timedelta(minutes=1), 60.0),
        (timedelta(days=2), 172800),
    ],
)
def test_the_delay_counts_from_the_close_of_the_scored_bar(late: timedelta, seconds: float) -> None:
    closes_at = utc("2026-08-31T20:00+00:00")
    assert delay_seconds(np.array([to_numpy(closes_at)]), closes_at + late).tolist() == [seconds]
