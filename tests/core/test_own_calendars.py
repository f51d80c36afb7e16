"""Brokers' markets of five days on end: Sunday evening, daily breaks, daylight saving, holidays."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipelines.core.calendar import calendar, interval_of, next_closes, spans_night, utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.own_calendars import OWN_CALENDARS, build_sessions

DAY, HOUR, MINUTE = (interval_of(name) for name in ("1d", "1h", "1m"))


def hours(name: str, first: str, last: str) -> list[tuple[str, str, str]]:
    """Date, open and close (UTC) of each session that opens in the span."""
    bars = calendar(name).bars(DAY, utc(first), utc(last))
    return [
        (str(day)[5:], str(opens)[5:16], str(closes)[5:16])
        for day, opens, closes in zip(bars.session, bars.ts, bars.closes_at, strict=True)
    ]


def test_currencies_are_traded_from_sunday_to_friday_evening_without_a_break() -> None:
    week = hours("FX", "2026-09-04", "2026-09-13")
    assert week[0] == ("09-07", "09-06T21:00", "09-07T21:00")  # Labor Day, as any other
    assert week[-1] == ("09-11", "09-10T21:00", "09-11T21:00")
    assert all(before[2] == after[1] for before, after in pairwise(week))
    assert len(calendar("FX").bars(MINUTE, utc("2026-09-06"), utc("2026-09-13"))) == 5 * 24 * 60
    market = calendar("FX")
    assert not market.is_open(utc("2026-09-06T20:59+00:00"))
    assert market.is_open(utc("2026-09-06T21:00+00:00"))
    assert market.is_open(utc("2026-09-11T20:59+00:00"))
    assert not market.is_open(utc("2026-09-11T21:00+00:00"))


@pytest.mark.parametrize(("name", "shift"), [("FX", 0), ("US_INDEX_CFD", 1)])
def test_daylight_saving_moves_the_week_in_utc_both_ways(name: str, shift: int) -> None:
    opens = [row[1][-5:] for row in hours(name, "2026-03-05T12:00+00:00", "2026-03-10")]
    assert opens == [f"{22 + shift}:00", f"{21 + shift}:00", f"{21 + shift}:00"]  # Thu, Sun, Mon
    opens = [row[1][-5:] for row in hours(name, "2026-10-29T12:00+00:00", "2026-11-03")]
    assert opens == [f"{21 + shift}:00", f"{22 + shift}:00", f"{22 + shift}:00"]
    for week, bars in (("2026-03-08", "2026-03-15"), ("2026-11-01", "2026-11-08")):
        sessions = calendar(name).bars(MINUTE, utc(week), utc(bars)).session
        assert set(np.unique(sessions, return_counts=True)[1].tolist()) == {1440 - 60 * shift}


def test_currencies_rest_on_christmas_and_new_year_only() -> None:
    dates = [day for day, _, _ in hours("FX", "2026-12-20", "2027-01-05T12:00+00:00")]
    assert dates == ["12-21", "12-22", "12-23", "12-24", "12-28", "12-29", "12-30", "12-31",
                     "01-04", "01-05"]  # fmt: skip
    # Where the holiday is a Sunday, Monday's session begins on it.
    assert hours("FX", "2022-12-25", "2022-12-26")[0] == ("12-26", "12-25T22:00", "12-26T22:00")
    sessions = calendar("FX").sessions(utc("1990-01-01"), utc("1991-01-01"))
    assert len(sessions) == 261 - 2


def test_an_index_has_an_hour_of_break_and_the_half_days_of_futures() -> None:
    days = {day: (opens, closes) for day, opens, closes in hours("US_INDEX_CFD", "2026-11-01",
                                                                 "2027-01-05")}  # fmt: skip
    assert days["11-25"] == ("11-24T23:00", "11-25T22:00")
    assert days["11-26"] == ("11-25T23:00", "11-26T18:00")  # Thanksgiving
    assert days["11-27"] == ("11-26T23:00", "11-27T18:15")
    assert days["12-24"] == ("12-23T23:00", "12-24T18:15")
    assert not {"12-25", "01-01"} & set(days)
    bars = calendar("US_INDEX_CFD").bars(HOUR, utc("2026-11-26T23:00+00:00"), utc("2026-11-28"))
    assert len(bars) == 20
    assert str(bars.closes_at[-1] - bars.ts[-1]) == "900000000 microseconds"


@pytest.mark.parametrize("good_friday", ["2024-03-29", "2025-04-18", "2026-04-03"])
def test_an_index_rests_on_good_friday_and_currencies_do_not(good_friday: str) -> None:
    day = np.datetime64(good_friday)
    span = utc(str(day - 4)), utc(str(day + 1))
    assert calendar("US_INDEX_CFD").sessions(*span)[-1] == day - 1
    assert calendar("FX").sessions(*span)[-1] == day


def test_holidays_on_a_week_end_rest_where_new_york_rests() -> None:
    closed = {"2021-12-24", "2022-12-26", "2023-01-02"}
    for day in closed:
        assert np.datetime64(day) not in calendar("US_INDEX_CFD").sessions(
            utc("2021-12-01"), utc("2023-02-01")
        )
    assert np.datetime64("2021-12-31") in calendar("US_INDEX_CFD").sessions(
        utc("2021-12-01"), utc("2022-02-01")
    )


@pytest.mark.parametrize("name", OWN_CALENDARS)
def test_sessions_do_not_depend_on_the_first_day_that_is_loaded(name: str) -> None:
    last = np.datetime64("2026-12-31")
    whole = build_sessions(name, np.datetime64("1970-01-01"), last)
    part = build_sessions(name, np.datetime64("2004-03-07"), last)
    for everything, newest in zip(whole, part, strict=True):
        np.testing.assert_array_equal(everything[-len(newest) :], newest)
    days, opens, closes = whole
    assert (opens < closes).all()
    assert (opens[1:] >= closes[:-1]).all()
    assert str(days[0])[:4] == "1970"


def test_nights_lie_between_weeks_of_currencies_and_between_days_of_an_index() -> None:
    for name, nights in (("FX", 1), ("US_INDEX_CFD", 5)):
        market = calendar(name)
        bars = market.bars(HOUR, utc("2026-09-06"), utc("2026-09-14"))
        assert spans_night(market, bars.closes_at[:-1], bars.closes_at[1:]).sum() == nights
        closes = next_closes(market, HOUR, "session", bars.ts[:-1], 1)
        np.testing.assert_array_equal(closes, bars.closes_at[1:])


def test_an_unknown_calendar_names_ours_too() -> None:
    with pytest.raises(InvalidRequest, match="unknown calendar 'US_INDEX_CDF'") as caught:
        calendar("US_INDEX_CDF")
    assert "US_INDEX_CFD" in caught.value.hint
