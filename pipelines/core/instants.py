"""Instants as NumPy has them: UTC, in microseconds, without a zone."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from pipelines.core.intervals import utc


def to_numpy(at: datetime) -> np.datetime64:
    """An instant as NumPy's. A time without a zone is refused."""
    return np.datetime64(utc(at).replace(tzinfo=None), "us")


def from_numpy(value: np.datetime64) -> datetime:
    """NumPy's instant as a time in UTC."""
    instant: datetime = value.astype("datetime64[us]").item()
    return instant.replace(tzinfo=UTC)
