"""The times of articles, in the ways in which files have them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.sources.files.article_times import TimeReader
from pipelines.sources.stories import NotAStory

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
READER = TimeReader("a.csv", timezone="America/New_York")


@pytest.mark.parametrize(
    "value",
    [
        "2026-09-01T12:00:00Z",
        " 2026-09-01 14:00:00+02:00 ",
        "2026-09-01 08:00",
        "20260901T120000Z",
        "20260901080000",
        "Tue, 01 Sep 2026 12:00:00 GMT",
        "Tue, 01 Sep 2026 08:00:00 -0400",
        "1788264000",
        "1788264000000",
        "1788264000.0",
        1788264000,
        1788264000000.0,
        NOON.astimezone(timezone(timedelta(hours=9))),
        datetime(2026, 9, 1, 8),
    ],
)
def test_times_in_common_forms_are_one_instant(value: Any) -> None:
    time = READER.read(value, "published_at")
    assert time is not None
    assert (time.instant, time.day_end) == (NOON, None)


@pytest.mark.parametrize("value", ["2026-09-01", "20260901", date(2026, 9, 1)])
def test_a_date_alone_has_an_end(value: Any) -> None:
    time = READER.read(value, "published_at")
    assert time is not None
    assert time.instant == datetime(2026, 9, 1, 4, tzinfo=UTC)
    assert time.day_end == datetime(2026, 9, 2, 4, tzinfo=UTC)


def test_a_format_is_obeyed() -> None:
    reader = TimeReader("a.csv", "%d.%m.%Y %H:%M %z")
    time = reader.read("01.09.2026 14:00 +0200", "seen_at")
    assert time is not None
    assert time.instant == NOON
    time = TimeReader("a.csv", "%d.%m.%Y", "UTC").read("01.09.2026", "seen_at")
    assert time is not None
    assert time.day_end == datetime(2026, 9, 2, tzinfo=UTC)
    with pytest.raises(NotAStory, match="no time; time_format is"):
        reader.read("2026-09-01T12:00:00Z", "seen_at")


@pytest.mark.parametrize(
    "value",
    ["soon", "09/01/2026", "2026-13-01", "99999999999", True, ["x"], {}, float("nan"), 1e300, -5,
     "0001-01-01T00:00:00+14:00", "9" * 200, "Tue, 99 Sep 2026", "2026-09-01T25:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_a_reject(value: Any) -> None:
    with pytest.raises(NotAStory, match="which is no time") as caught:
        READER.read(value, "published_at")
    assert caught.value.reason == "bad_time"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_cell_is_no_time(value: Any) -> None:
    assert READER.read(value, "published_at") is None


def test_a_time_without_a_zone_is_refused_unless_the_mapping_names_one() -> None:
    with pytest.raises(InvalidRequest, match="carry no time zone"):
        TimeReader("a.csv").read("2026-09-01 08:00", "published_at")


def test_an_hour_that_comes_twice_is_the_later() -> None:
    time = READER.read("2026-11-01 01:30", "published_at")
    assert time is not None
    assert time.instant == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
