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


def timetable(interval: str = "1h", grace: timedelta = GRACE) -> Any:
    from exchange_timetable import ExchangeTimetable

    return ExchangeTimetable(interval, "XNYS", grace)


def runs(table: Any, first: str, last: str) -> list[Any]:
    """All that a backfill of that range would run."""
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(instant(first), instant(last), catchup=True)
    infos: list[Any] = []
    while True:
        before = infos[-1].data_interval if infos else None
        info = table.next_dagrun_info(last_automated_data_interval=before, restriction=restriction)
        if info is None:
            return infos
        infos.append(info)


def instant(text: str | datetime) -> Any:
    import pendulum

    return pendulum.instance(utc(text))


def test_a_backfill_gets_the_bars_of_the_calendar_and_no_others() -> None:
    infos = runs(timetable(), "2026-11-25", "2026-12-01")
    bars = calendar().bars(interval_of("1h"), utc("2026-11-25"), utc("2026-12-01"))
    intervals = [(info.data_interval.start, info.data_interval.end) for info in infos]
    opens, closes = ([t.replace(tzinfo=UTC) for t in a.tolist()] for a in (bars.ts, bars.closes_at))
    assert intervals == list(zip(opens, closes, strict=True))
    # Thanksgiving has none, the day after it ends at 13:00 in New York, and then comes Monday.
    ends = [info.data_interval.end for info in infos]
    assert [end.isoformat() for end in ends if end.day == 27][-1] == "2026-11-27T18:00:00+00:00"
    assert all(info.run_after == info.data_interval.end + GRACE for info in infos)


def test_summer_time_moves_the_open_by_an_hour_of_utc() -> None:
    winter, summer = (
        runs(timetable("1d"), day, day + "T20:00+00:00") for day in ("2026-03-06", "2026-03-09")
    )
    assert [info.data_interval.start.isoformat() for info in winter + summer] == [
        "2026-03-06T14:30:00+00:00",
        "2026-03-09T13:30:00+00:00",
    ]


@given(at=st.datetimes(datetime(2016, 1, 1), datetime(2026, 11, 1)))
@settings(max_examples=60, deadline=None)
def test_a_run_by_hand_is_about_the_newest_bar_that_had_closed(at: datetime) -> None:
    moment = at.replace(tzinfo=UTC)
    newest = timetable().infer_manual_data_interval(run_after=instant(moment))
    assert newest.start < newest.end <= moment
    after = timetable().next_dagrun_info(
        last_automated_data_interval=newest,
        restriction=_restriction(newest.start),
    )
    assert after.data_interval.end > moment, "none lies between"


def _restriction(earliest: Any, catchup: bool = True) -> Any:
    from airflow.timetables.base import TimeRestriction

    return TimeRestriction(instant(earliest), None, catchup)


def test_what_was_missed_is_not_run_bar_by_bar() -> None:
    import pendulum

    table = timetable()
    old = table.infer_manual_data_interval(run_after=instant("2020-05-05"))
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
    table = timetable("1d")
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
        timetable().next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, None, False)
        )
        is None
    )


def test_airflow_finds_it_as_a_plugin() -> None:
    from exchange_timetable import ExchangePlugin, ExchangeTimetable

    assert ExchangePlugin.timetables == (ExchangeTimetable,)
    assert os.environ["AIRFLOW_HOME"]
