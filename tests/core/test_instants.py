"""An instant keeps its microsecond on the way to NumPy and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.core.instants import from_numpy, to_numpy


@given(
    st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)),
    st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_an_instant_comes_back_as_it_went_in(time: datetime, zone: timezone) -> None:
    instant = time.replace(tzinfo=zone)
    there = to_numpy(instant)
    assert there.dtype == "datetime64[us]"
    assert from_numpy(there) == instant
    assert from_numpy(there).tzinfo is UTC


def test_a_coarser_instant_of_numpy_is_read_too_and_a_time_without_zone_is_refused() -> None:
    assert from_numpy(np.datetime64("2026-09-01")) == datetime(2026, 9, 1, tzinfo=UTC)
    with pytest.raises(InvalidRequest, match="no time zone"):
        to_numpy(datetime(2026, 9, 1, 14, 30))
