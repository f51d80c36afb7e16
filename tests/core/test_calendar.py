"""Sessions and bars: half-days, holidays, daylight saving, both grids, far history."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.core.calendar import (
    GRIDS,
    INTERVALS,
    Calendar,
    Grid,
    Interval,
    calendar,
    interval_of,
    next_closes,
    spans_night,
    utc,
)
from pipelines.core.errors import InvalidRequest
from tests.laws import law

HOUR = interval_of("1h")
DAY = interval_of("1d")


def opens(
    day: str, interval: Interval = HOUR, grid: Grid = "session", name: str = "XNYS"
) -> list[str]:
    start = utc(day)
    bars = calendar(name).bars(interval, start, start + timedelta(days=1), grid)
    return [str(ts)[11:16] for ts in bars.ts]


def test_a_full_session_has_seven_hours_the_last_half_as_long() -> None:
    bars = calendar().bars(HOUR, utc("2026-09-01"), utc("2026-09-02"))
    lengths = (bars.closes_at - bars.ts).astype("timedelta64[m]").astype(int).tolist()
    assert lengths == [60] * 6 + [30]
    assert opens("2026-09-01") == ["13:30", "14:30", "15:30", "16:30", "17:30", "18:30", "19:30"]


def test_daylight_saving_moves_the_session_in_utc() -> None:
    assert opens("2026-03-06")[0] == "14:30"  # the Friday before clocks go forward
    assert opens("2026-03-09")[0] == "13:30"
    assert opens("2026-10-30")[0] == "13:30"
    assert opens("2026-11-02")[0] == "14:30"


def test_half_days_and_holidays() -> None:
    assert opens("2026-11-26") == []  # Thanksgiving
    assert opens("2026-11-27") == ["14:30", "15:30", "16:30", "17:30"]  # closes at 13:00 New York
    bars = calendar().bars(HOUR, utc("2026-11-27"), utc("2026-11-28"))
    assert str(bars.closes_at[-1])[11:16] == "18:00"
    assert opens("2026-11-28") == []  # a Saturday


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("horizon", [1, 2])
@pytest.mark.parametrize("interval", ["5m", "1h", "1d"])
def test_a_night_lies_between_bars_of_different_sessions(
    interval: str, horizon: int, grid: Grid
) -> None:
    bars = calendar().bars(interval_of(interval), utc("2025-01-01"), utc("2026-01-01"), grid)
    nights = spans_night(calendar(), bars.closes_at[:-horizon], bars.closes_at[horizon:])
    np.testing.assert_array_equal(nights, bars.session[:-horizon] != bars.session[horizon:])
    assert nights.any()


def test_a_market_that_never_closes_has_no_night() -> None:
    bars = calendar("24/7").bars(HOUR, utc("2025-01-01"), utc("2026-01-01"))
    assert not spans_night(calendar("24/7"), bars.closes_at[:-1], bars.closes_at[1:]).any()


def test_no_night_lies_before_a_bar_that_is_not_known() -> None:
    later = np.array(["NaT", "2026-08-31T20:00"], "datetime64[us]")
    closes = np.array(["2026-08-31T20:00", "2026-08-31T19:30"], "datetime64[us]")
    assert spans_night(calendar(), closes, later).tolist() == [False, False]
    assert spans_night(calendar(), closes[:1], later[:1]).tolist() == [False]


def test_the_clock_grid_counts_full_hours_of_the_exchange() -> None:
    assert opens("2026-09-01", grid="clock")[:2] == ["13:00", "14:00"]
    assert len(opens("2026-09-01", grid="clock")) == 7
    bars = calendar().bars(HOUR, utc("2026-09-01"), utc("2026-09-02"), "clock")
    assert str(bars.closes_at[-1])[11:16] == "20:00"


def test_a_market_that_is_open_day_and_night_on_weekdays() -> None:
    assert len(opens("2026-09-01", name="24/5")) == 24
    assert opens("2026-09-05", name="24/5") == []


def test_history_is_as_long_as_asked_for() -> None:
    assert calendar().sessions(utc("1998-01-01"), utc("1999-01-01"))[0] == np.datetime64(
        "1998-01-02"
    )
    assert len(calendar("XTKS").sessions(utc("2000-01-01"), utc("2001-01-01"))) > 200


def test_a_week_and_a_month_are_all_their_sessions() -> None:
    week = calendar().bars(interval_of("1w"), utc("2026-09-07"), utc("2026-09-14"))
    assert week.session.tolist() == [date(2026, 9, 8)]  # Monday was Labor Day
    assert str(week.closes_at[0]) == "2026-09-11T20:00:00.000000"
    month = calendar().bars(interval_of("1mo"), utc("2026-11-01"), utc("2026-12-01"))
    assert str(month.ts[0])[:10] == "2026-11-02"
    assert str(month.closes_at[0])[:10] == "2026-11-30"


def test_labels_from_one_day_up_are_any_date_within() -> None:
    days = np.array(["2026-09-07", "2026-09-08", "2026-09-12"], "datetime64[D]")
    assert calendar().opens_of(DAY, days)[1].tolist() == [False, True, False]
    opened, is_bar = calendar().opens_of(
        interval_of("1mo"), np.array(["2026-08-31"], "datetime64[D]")
    )
    assert is_bar.all()
    assert str(opened[0])[:10] == "2026-08-03"
    before = np.array(["1890-01-01"], "datetime64[D]")
    assert calendar().opens_of(DAY, before)[1].tolist() == [False]


def test_the_newest_closed_bar() -> None:
    newest = calendar().newest_closed(HOUR, utc("2026-09-01T15:29+00:00"))
    assert str(newest.ts[0]) == "2026-09-01T13:30:00.000000"
    over_the_weekend = calendar().newest_closed(HOUR, utc("2026-09-07T12:00+00:00"))
    assert str(over_the_weekend.closes_at[0]) == "2026-09-04T20:00:00.000000"


def test_times_without_a_zone_and_unknown_names_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="no time zone"):
        utc("2026-09-01T10:00")
    with pytest.raises(InvalidRequest, match="no time zone"):
        utc(datetime(2026, 9, 1))
    with pytest.raises(InvalidRequest, match="is not a time"):
        utc("yesterday")
    with pytest.raises(InvalidRequest, match="unknown interval") as caught:
        interval_of("1hr")
    assert "1h" in caught.value.hint
    with pytest.raises(InvalidRequest, match="unknown calendar"):
        calendar("XNYX")


instants = st.datetimes(datetime(1999, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC))


@law(50)
@given(
    instants,
    st.timedeltas(timedelta(0), timedelta(days=40)),
    st.sampled_from(INTERVALS),
    st.sampled_from(GRIDS),
    st.sampled_from(["XNYS", "24/5", "XLON"]),
)
def test_bars_tile_their_sessions(
    start: datetime, span: timedelta, interval: Interval, grid: Grid, name: str
) -> None:
    """In order, none overlaps the next, each within what was asked, wherever the cut falls."""
    bars = calendar(name).bars(interval, start, start + span, grid)
    assert (bars.ts[1:] >= bars.closes_at[:-1]).all()
    assert (bars.closes_at > bars.ts).all()
    low, high = (np.datetime64(t.replace(tzinfo=None), "us") for t in (start, start + span))
    assert ((bars.ts >= low) & (bars.ts < high)).all()
    middle = start + span / 2
    parts = [
        calendar(name).bars(interval, start, middle, grid),
        calendar(name).bars(interval, middle, start + span, grid),
    ]
    assert np.concatenate([p.ts for p in parts]).tolist() == bars.ts.tolist()
    assert np.concatenate([p.closes_at for p in parts]).tolist() == bars.closes_at.tolist()


@law(50)
@given(instants, st.sampled_from(["1m", "5m", "15m", "30m"]))
def test_coarse_bars_hold_whole_fine_ones(day: datetime, fine: str) -> None:
    coarse = calendar().bars(HOUR, day, day + timedelta(days=3))
    small = calendar().bars(interval_of(fine), day, day + timedelta(days=4))
    place = np.searchsorted(coarse.ts, small.ts, side="right") - 1
    small = small.take(place >= 0)
    ends = coarse.closes_at[place[place >= 0]]
    inside = small.ts < ends
    assert (small.closes_at[inside] <= ends[inside]).all()


@law(3)
@given(
    st.lists(st.datetimes(datetime(1965, 1, 1), datetime(2032, 1, 1)), min_size=1, max_size=2),
    st.sampled_from(["XNYS", "24/5"]),
)
@example([datetime(1999, 1, 4), datetime(1990, 1, 4)], "XTKS")  # its history starts in 1997
def test_a_calendar_has_the_same_days_from_whatever_year_it_was_loaded(
    days: list[datetime], name: str
) -> None:
    """Only the years that are needed are loaded; they equal those of the whole half century."""
    full = calendar(name)
    full.sessions(utc("1965-01-01"), utc("1965-01-02"))
    assert_same_days(Calendar(name), full, days)


def test_a_calendar_that_the_library_shifts_has_the_same_days_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which days of XKRX the library shifts depends on the first day loaded.

    Half a century of it takes the library many seconds, so here calendars begin in 2000.
    """
    monkeypatch.setattr("pipelines.core.calendar.FIRST_SESSION", np.datetime64("2000-01-01"))
    full = Calendar("XKRX")
    full.sessions(utc("2000-01-01"), utc("2000-01-02"))
    assert_same_days(Calendar("XKRX"), full, [datetime(2027, 11, 19)])


def assert_same_days(near: Calendar, full: Calendar, days: list[datetime]) -> None:
    for day in days:
        start, end = (t.replace(tzinfo=UTC) for t in (day, day + timedelta(days=400)))
        for interval in (HOUR, DAY, interval_of("1mo")):
            bars, expected = near.bars(interval, start, end), full.bars(interval, start, end)
            assert bars.ts.tolist() == expected.ts.tolist()
            assert bars.closes_at.tolist() == expected.closes_at.tolist()
            assert bars.session.tolist() == expected.session.tolist()
        assert near.is_open(start) == full.is_open(start)
        labels = np.array([day], "datetime64[D]")
        assert near.opens_of(DAY, labels)[1].tolist() == full.opens_of(DAY, labels)[1].tolist()


def test_the_whole_of_new_york_is_the_same_from_any_year() -> None:
    full = calendar().bars(DAY, utc("1970-01-01"), utc("2030-01-01"))
    for year in (1971, 2009, 2025):
        near = Calendar("XNYS").bars(DAY, utc(f"{year}-01-01"), utc("2030-01-01"))
        same = full.take(full.ts >= near.ts[0])
        assert near.ts.tolist() == same.ts.tolist()
        assert near.closes_at.tolist() == same.closes_at.tolist()
        assert str(near.session[0])[:4] == str(year)


def test_the_predicted_bar_is_found_over_nights_weekends_and_half_days() -> None:
    opens = ["2026-11-25T14:30", "2026-11-25T20:30", "2026-11-27T17:30", "2026-11-25T14:31"]
    ts = np.array(opens, "datetime64[us]")
    closes_at = next_closes(calendar(), interval_of("1h"), "session", ts, 1)
    expected = ["2026-11-25T16:30", "2026-11-27T15:30", "2026-11-30T15:30", "NaT"]
    np.testing.assert_array_equal(closes_at, np.array(expected, "datetime64[us]"))
