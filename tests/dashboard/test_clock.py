"""Times are written in UTC or as the exchange's clocks show them, on both sides of a change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboard.clock import Clock, age, age_of


@pytest.mark.parametrize(
    ("instant", "local"),
    [
        ("2026-10-30T20:00:00Z", "2026-10-30 16:00"),
        ("2026-11-02T21:00:00Z", "2026-11-02 16:00"),
    ],
)
def test_a_time_of_the_exchange_follows_its_clocks(instant: str, local: str) -> None:
    assert Clock("America/New_York").minute(instant) == local
    assert Clock("UTC").minute(instant) == instant[:10] + " " + instant[11:16]


def test_a_zone_has_a_short_name() -> None:
    assert Clock("America/New_York").name == "New York"
    assert Clock("UTC").name == "UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"), (-3, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"),
        (3900, "1 h 5 min"), (86_400, "1 d"), (100_000, "1 d 3 h"), (215_497_396, "2494 d 4 h"),
    ],
)  # fmt: skip
def test_an_age_has_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


def test_an_age_is_counted_from_now() -> None:
    now = datetime(2026, 8, 31, 20, 42, tzinfo=UTC)
    assert age_of("2026-08-31T20:00:00Z", now) == "42 min"
    assert age_of(None) == Clock().minute(None) == Clock().second("") == "–"
    assert Clock().second(now) == "20:42:00"
