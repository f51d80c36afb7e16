"""The timetable: one run per bar or session of an exchange, with the bar as its data interval."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.calendar import calendar, interval_of, utc

GRACE = timedelta(seconds=60)


def made(interval: str = "1h", grace: timedelta = GRACE) -> Any:
    from exchange_timetable import ExchangeTimetable

    return ExchangeTimetable(interval, "XNYS", grace)


def runs(table: Any, first: str, last: str) -> list[Any]:
    """All that a backfill of that range would run."""
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(pend(first), pend(last), catchup=True)
    found: list[Any] = []
    while True:
        before = found[-1].data_interval if found else None
        one = table.next_dagrun_info(last_automated_data_interval=before, restriction=restriction)
        if one is None:
            return found
        found.append(one)


def pend(text: str | datetime) -> Any:
    import pendulum

    return pendulum.instance(utc(text))


def test_a_backfill_gets_the_bars_of_the_calendar_and_no_others() -> None:
    found = runs(made(), "2026-11-25", "2026-12-01")
    bars = calendar().bars(interval_of("1h"), utc("2026-11-25"), utc("2026-12-01"))
    told = [(one.data_interval.start, one.data_interval.end) for one in found]
    opens, closes = ([t.replace(tzinfo=UTC) for t in a.tolist()] for a in (bars.ts, bars.closes_at))
    assert told == list(zip(opens, closes, strict=True))
    # Thanksgiving has none, the day after it ends at 13:00 in New York, and then comes Monday.
    assert [one.data_interval.end.isoformat() for one in found if one.data_interval.end.day == 27][
        -1
    ] == "2026-11-27T18:00:00+00:00"
    assert all(one.run_after == one.data_interval.end + GRACE for one in found)


def test_summer_time_moves_the_open_by_an_hour_of_utc() -> None:
    winter, summer = (
        runs(made("1d"), day, day + "T20:00+00:00") for day in ("2026-03-06", "2026-03-09")
    )
    assert [one.data_interval.start.isoformat() for one in winter + summer] == [
        "2026-03-06T14:30:00+00:00",
        "2026-03-09T13:30:00+00:00",
    ]


@given(at=st.datetimes(datetime(2016, 1, 1), datetime(2026, 11, 1)))
@settings(max_examples=60, deadline=None)
def test_a_run_by_hand_is_about_the_newest_bar_that_had_closed(at: datetime) -> None:
    asked = at.replace(tzinfo=UTC)
    told = made().infer_manual_data_interval(run_after=pend(asked))
    assert told.start < told.end <= asked
    after = made().next_dagrun_info(
        last_automated_data_interval=told,
        restriction=_restriction(told.start),
    )
    assert after.data_interval.end > asked, "none lies between"


def _restriction(earliest: Any, catchup: bool = True) -> Any:
    from airflow.timetables.base import TimeRestriction

    return TimeRestriction(pend(earliest), None, catchup)


def test_what_was_missed_is_not_run_bar_by_bar() -> None:
    import pendulum

    table = made()
    old = table.infer_manual_data_interval(run_after=pend("2020-05-05"))
    following = table.next_dagrun_info(
        last_automated_data_interval=old, restriction=_restriction("2020-01-01", catchup=False)
    )
    newest = table.infer_manual_data_interval(run_after=pendulum.now("UTC") - GRACE)
    assert following.data_interval == newest
    later = table.next_dagrun_info(
        last_automated_data_interval=newest, restriction=_restriction("2020-01-01", catchup=False)
    )
    assert later.run_after > pendulum.now("UTC")
    assert later.data_interval.start >= newest.end


def test_a_stored_schedule_is_the_same_one_again() -> None:
    table = made("1d")
    again = type(table).deserialize(table.serialize())
    assert again.serialize() == table.serialize()
    assert again.description == table.description
    assert "session of XNYS, 60 s after its close" in table.description
    assert table.summary == "Each session of XNYS"


def test_an_exchange_that_does_not_exist_is_told() -> None:
    from airflow.exceptions import AirflowTimetableInvalid
    from exchange_timetable import ExchangeTimetable

    with pytest.raises(AirflowTimetableInvalid, match="did you mean"):
        ExchangeTimetable("1h", "XNYSE").validate()


def test_without_a_start_nothing_is_run() -> None:
    from airflow.timetables.base import TimeRestriction

    assert (
        made().next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, None, False)
        )
        is None
    )


def test_airflow_finds_it_as_a_plugin() -> None:
    from exchange_timetable import ExchangePlugin, ExchangeTimetable

    assert ExchangePlugin.timetables == (ExchangeTimetable,)
    assert os.environ["AIRFLOW_HOME"]
