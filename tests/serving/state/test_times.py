"""Instants keep their moment between datetime and NumPy's datetime64; when a bar turns stale."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from serving.state.times import find_stale_at, instant, instants
from tests.steps.scored_market import HOURLY

MOMENT = datetime(2026, 8, 28, 14, 30, 0, 7, UTC)


@pytest.mark.parametrize("hours", [0, 2, -4])
def test_a_moment_is_the_same_in_any_zone(hours: int) -> None:
    (moment,) = instants([MOMENT.astimezone(timezone(timedelta(hours=hours)))])
    assert moment == np.datetime64("2026-08-28T14:30:00.000007")
    assert instant(moment) == MOMENT


def test_coarse_instants_are_read_too() -> None:
    assert instant(np.datetime64("2026-08-28T14:30", "m")) == MOMENT.replace(microsecond=0)


def test_a_bar_is_stale_once_the_run_after_the_next_close_should_be_done() -> None:
    ts, closes_at = datetime(2026, 8, 28, 19, 30, tzinfo=UTC), datetime(2026, 8, 28, 20, tzinfo=UTC)
    grace = timedelta(minutes=5)
    due = find_stale_at(HOURLY, ts, closes_at, grace)
    monday = datetime(2026, 8, 31, 14, 30, tzinfo=UTC)
    assert due == monday + HOURLY.schedule.grace + grace
