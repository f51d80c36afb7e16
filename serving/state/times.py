"""Instants between Python's datetime and NumPy's UTC datetime64."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np


def instants(moments: Sequence[datetime]) -> np.ndarray:
    """Return datetimes as NumPy's UTC instants."""
    return np.array([at.astimezone(UTC).replace(tzinfo=None) for at in moments], "datetime64[us]")


def instant(at: np.datetime64) -> datetime:
    """Return one of NumPy's UTC instants as a datetime with its zone."""
    moment: datetime = at.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)
