"""Times and numbers of callers are read strictly, and wrong ones are refused with a hint."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from serving.schemas.strict import DateTime
from tests.serving.scored_api import problem

TIMED = ("/predictions/history?live=false&", "/signals/history?live=false&", "/models/decisions?",
         "/forecasts/nasdaq100_hourly/history?live=false&",
         "/forecasts/nasdaq100_hourly/signals?live=false&",
         "/forecasts/nasdaq100_hourly/decisions?")  # fmt: skip
ADAPTER = TypeAdapter(DateTime)


@pytest.mark.parametrize("path", TIMED)
@pytest.mark.parametrize("name", ["start", "end"])
def test_a_number_is_refused_as_a_time_on_every_route(
    api: TestClient, path: str, name: str
) -> None:
    for value in ("20261129", "1787952600", "1.8e9", "-5", "0", "2026", "Infinity", ""):
        answer = api.get(f"{path}{name}={value}")
        assert answer.status_code == 422, value
        assert problem(answer).message == f"{value!r} is no date-time"
        assert "2026-08-28T14:30:00Z" in problem(answer).hint
        assert problem(answer).field == name


@pytest.mark.parametrize(
    "text",
    ["2026-08-28T14:30:00Z", "2026-08-28t14:30:00.000000z", "2026-08-28 14:30Z",
     "2026-08-28T16:30:00+02:00", "2026-08-28T10:30-04:00"],
)  # fmt: skip
def test_a_date_time_may_be_written_in_these_ways(text: str) -> None:
    assert ADAPTER.validate_python(text) == datetime(2026, 8, 28, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-08-28", "is no date-time"),  # a day has no time, and midnight depends on the zone
        ("2026-08-28T14:30:00", "names no timezone"),
        ("2026-08-28T14:30:00 02:00", "is no date-time"),  # a + that was not sent as %2B
        ("2026-08-28_14:30:00Z", "is no date-time"),
        ("20260828T143000Z", "is no date-time"),
        ("2026-W35-5T14:30:00Z", "is no date-time"),
        ("2026-13-28T14:30:00Z", "month must be in 1..12"),
        ("2026-02-30T14:30:00Z", "day is out of range"),
        ("2026-08-28T24:30:00Z", "hour must be in 0..23"),
        ("٢٠٢٦-08-28T14:30:00Z", "is no date-time"),
        (1787952600, "1787952600 is no date-time"),
        (1787952600.5, "is no date-time"),
        (True, "is no date-time"),
        ([], "this is no date-time"),
    ],
)
def test_a_value_that_is_no_date_time_is_refused_with_a_hint(value: object, words: str) -> None:
    with pytest.raises(ValidationError) as error:
        ADAPTER.validate_python(value)
    (details,) = error.value.errors()
    assert words in details["msg"]
    assert details["ctx"]["hint"].startswith("write a date-time")


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(at=st.datetimes(timezones=ZONES))
def test_every_written_instant_is_read_back_unchanged(at: datetime) -> None:
    assert ADAPTER.validate_python(at.isoformat()) == at


@pytest.mark.parametrize("value", ["1_0", "%205", "0x5", "٥", "true", "nan", "Infinity", "", "5,0"])
def test_a_number_of_a_query_is_written_in_digits(api: TestClient, value: str) -> None:
    for path, name in (("/predictions/history", "limit"), ("/signal/index", "min_confidence")):
        answer = api.get(f"{path}?{name}={value}")
        assert answer.status_code == 422
        assert "is no number" in problem(answer).message
        assert problem(answer).field == name
    assert api.get("/signal/index?min_confidence=5e-1").is_success
    assert api.get("/predictions/history?limit=5").is_success
