"""Times become UTC or are refused, and an interval is found by its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pendulum
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.intervals import (
    FIRST_YEAR,
    INTERVALS,
    LAST_YEAR,
    interval_of,
    interval_of_length,
    utc,
)


@pytest.mark.parametrize(
    "value",
    [
        "2026-09-01T10:30-04:00",
        "2026-09-01T14:30+00:00",
        datetime(2026, 9, 1, 16, 30, tzinfo=timezone(timedelta(hours=2))),
        pendulum.datetime(2026, 9, 1, 10, 30, tz="America/New_York"),
    ],
)
def test_a_time_of_any_zone_becomes_utc(value: datetime | str) -> None:
    instant = utc(value)
    assert instant == datetime(2026, 9, 1, 14, 30, tzinfo=UTC)
    assert (type(instant), instant.tzinfo) == (datetime, UTC)


def test_a_date_is_its_midnight_and_a_time_without_a_zone_is_refused() -> None:
    assert utc("2026-09-01") == datetime(2026, 9, 1, tzinfo=UTC)
    for value in ("2026-09-01 14:30", datetime(2026, 9, 1, 14, 30)):
        with pytest.raises(InvalidRequest, match="no time zone") as caught:
            utc(value)
        assert "2026-09-01T14:30" in caught.value.hint
    with pytest.raises(InvalidRequest, match="'soon' is not a time"):
        utc("soon")


def test_a_year_that_no_bar_can_have_is_refused() -> None:
    for year in (FIRST_YEAR, LAST_YEAR):
        assert utc(f"{year}-06-01").year == year
    for year in (FIRST_YEAR - 1, LAST_YEAR + 1):
        with pytest.raises(InvalidRequest, match="no time of a bar"):
            utc(f"{year}-06-01")


def test_an_interval_below_a_day_is_found_by_its_length() -> None:
    for interval in INTERVALS:
        if interval.minutes is not None:
            assert interval_of_length(timedelta(minutes=interval.minutes)) == interval
    for length in (timedelta(days=1), timedelta(minutes=7), timedelta(0)):
        assert interval_of_length(length) is None


def test_an_interval_is_found_by_its_name_and_is_intraday_below_a_day() -> None:
    assert [interval_of(str(interval)) for interval in INTERVALS] == list(INTERVALS)
    assert [i.name for i in INTERVALS if not i.intraday] == ["1d", "1w", "1mo"]
    with pytest.raises(InvalidRequest) as caught:
        interval_of("1hour")
    assert "1h" in caught.value.hint
