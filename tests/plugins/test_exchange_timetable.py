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


def build_timetable(interval: str = "1h", grace: timedelta = GRACE, market: str = "XNYS") -> Any:
    from exchange_timetable import ExchangeTimetable

    return ExchangeTimetable(interval, market, grace)


def runs(table: Any, first: str, last: str) -> list[Any]:
    """Return all that a backfill of that range would run."""
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(to_pendulum(first), to_pendulum(last), catchup=True)
    infos: list[Any] = []
    while True:
        interval = infos[-1].data_interval if infos else None
        info = table.next_dagrun_info(
            last_automated_data_interval=interval, restriction=restriction
        )
        if info is None:
            return infos
        infos.append(info)


def to_pendulum(text: str | datetime) -> Any:
    import pendulum

    return pendulum.instance(utc(text))


def test_a_backfill_gets_the_bars_of_the_calendar_and_no_others() -> None:
    infos = runs(build_timetable(), "2026-11-25", "2026-12-01")
    bars = calendar().bars(interval_of("1h"), utc("2026-11-25"), utc("2026-12-01"))
    intervals = [(info.data_interval.start, info.data_interval.end) for info in infos]
    opens, closes = ([t.replace(tzinfo=UTC) for t in a.tolist()] for a in (bars.ts, bars.closes_at))
    assert intervals == list(zip(opens, closes, strict=True))
    # Thanksgiving has none, the day after it ends at 13:00 in New York, and then comes Monday.
    assert [
        info.data_interval.end.isoformat() for info in infos if info.data_interval.end.day == 27
    ][-1] == "2026-11-27T18:00:00+00:00"
    assert all(info.run_after == info.data_interval.end + GRACE for info in infos)


def test_summer_time_moves_the_open_by_an_hour_of_utc() -> None:
    winter, summer = (
        runs(build_timetable("1d"), day, day + "T20:00+00:00")
        for day in ("2026-03-06", "2026-03-09")
    )
    assert [info.data_interval.start.isoformat() for info in winter + summer] == [
        "2026-03-06T14:30:00+00:00",
        "2026-03-09T13:30:00+00:00",
    ]


@given(at=st.datetimes(datetime(2016, 1, 1), datetime(2026, 11, 1)))
@settings(max_examples=60, deadline=None)
def test_a_run_by_hand_is_about_the_newest_bar_that_had_closed(at: datetime) -> None:
    instant = at.replace(tzinfo=UTC)
    interval = build_timetable().infer_manual_data_interval(run_after=to_pendulum(instant))
    assert interval.start < interval.end <= instant
    following = build_timetable().next_dagrun_info(
        last_automated_data_interval=interval,
        restriction=_restriction(interval.start),
    )
    assert following.data_interval.end > instant, "none lies between"


@pytest.mark.parametrize(
    ("market", "first", "last", "count", "begins", "ends"),
    [
        ("XNYS", "2026-11-25", "2026-11-26", 26, "25T14:30", "25T21:00"),
        ("XNYS", "2026-11-27", "2026-11-28", 14, "27T14:30", "27T18:00"),  # a half-day
        ("XNYS", "2026-11-02", "2026-11-03", 26, "02T14:30", "02T21:00"),  # winter
        ("XNYS", "2026-10-30", "2026-10-31", 26, "30T13:30", "30T20:00"),  # summer
        ("FX", "2026-09-06", "2026-09-07T20:59+00:00", 96, "06T21:00", "07T21:00"),  # a Sunday on
        ("FX", "2026-03-06", "2026-03-09T20:59+00:00", 184, "06T00:00", "09T21:00"),
        ("US_INDEX_CFD", "2026-09-06", "2026-09-07T20:59+00:00", 76, "06T22:00", "07T17:00"),
        ("US_INDEX_CFD", "2026-11-27", "2026-11-28", 73, "27T00:00", "27T18:15"),
    ],
)
def test_runs_of_a_quarter_of_an_hour_are_aligned_to_the_session_and_end_with_it(
    market: str, first: str, last: str, count: int, begins: str, ends: str
) -> None:
    infos = runs(build_timetable("15m", timedelta(seconds=5), market), first, last)
    spans = [info.data_interval for info in infos]
    assert len(spans) == count
    assert spans[0].start.isoformat()[8:16] == begins
    assert spans[-1].end.isoformat()[8:16] == ends
    assert all(span.end - span.start == timedelta(minutes=15) for span in spans)
    minutes = calendar(market).bars(interval_of("1m"), spans[0].start, spans[-1].end)
    assert len(minutes) == 15 * count, "each minute of the sessions is in one run"
    assert infos[0].run_after == spans[0].end + timedelta(seconds=5)


def _restriction(earliest: Any, catchup: bool = True) -> Any:
    from airflow.timetables.base import TimeRestriction

    return TimeRestriction(to_pendulum(earliest), None, catchup)


def test_missed_bars_are_not_run_one_by_one() -> None:
    import pendulum

    table = build_timetable()
    old = table.infer_manual_data_interval(run_after=to_pendulum("2020-05-05"))
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


def test_a_schedule_survives_being_stored() -> None:
    table = build_timetable("1d")
    restored = type(table).deserialize(table.serialize())
    assert restored.serialize() == table.serialize()
    assert restored.description == table.description
    assert "session of XNYS, 60 s after its close" in table.description
    assert table.summary == "Each session of XNYS"


def test_an_exchange_that_does_not_exist_is_refused() -> None:
    from airflow.exceptions import AirflowTimetableInvalid
    from exchange_timetable import ExchangeTimetable

    with pytest.raises(AirflowTimetableInvalid, match="did you mean"):
        ExchangeTimetable("1h", "XNYSE").validate()


def test_without_a_start_nothing_is_run() -> None:
    from airflow.timetables.base import TimeRestriction

    assert (
        build_timetable().next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, None, False)
        )
        is None
    )


def test_airflow_finds_it_as_a_plugin() -> None:
    from exchange_timetable import ExchangePlugin, ExchangeTimetable

    assert ExchangePlugin.timetables == (ExchangeTimetable,)
    assert os.environ["AIRFLOW_HOME"]
