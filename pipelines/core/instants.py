"""Convert instants to and from NumPy, which has them in UTC, in microseconds, without a zone."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from pipelines.core.intervals import utc


def to_numpy(instant: datetime) -> np.datetime64:
    """Convert a time to NumPy. A time without a zone is refused."""
    return np.datetime64(utc(instant).replace(tzinfo=None), "us")


def from_numpy(value: np.datetime64) -> datetime:
    """Convert an instant of NumPy to a time in UTC."""
    instant: datetime = value.astype("datetime64[us]").item()
    return instant.replace(tzinfo=UTC)
