"""Instants keep their moment between Python's datetime and NumPy's UTC datetime64."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from serving.state.times import instant, instants

MOMENT = datetime(2026, 8, 28, 14, 30, 0, 7, UTC)


@pytest.mark.parametrize("hours", [0, 2, -4])
def test_a_moment_is_the_same_in_any_zone(hours: int) -> None:
    (moment,) = instants([MOMENT.astimezone(timezone(timedelta(hours=hours)))])
    assert moment == np.datetime64("2026-08-28T14:30:00.000007")
    assert instant(moment) == MOMENT


def test_coarse_instants_are_read_too() -> None:
    assert instant(np.datetime64("2026-08-28T14:30", "m")) == MOMENT.replace(microsecond=0)
