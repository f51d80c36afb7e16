"""Instants as NumPy has them, and whether a night lies between two."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from pipelines.core.calendar import Calendar, interval_of, utc

SESSION = interval_of("1d")


def instants(many: Sequence[datetime]) -> np.ndarray:
    """Instants as NumPy has them, in UTC."""
    return np.array([at.astimezone(UTC).replace(tzinfo=None) for at in many], "datetime64[us]")


def instant(at: np.datetime64) -> datetime:
    """One of NumPy's UTC instants as Python has it."""
    made: datetime = at.astype("datetime64[us]").item()
    return made.replace(tzinfo=UTC)


def spans_night(market: Calendar, closes_at: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which of the spans from a bar's close to a later one hold the open of another session.

    Both are NumPy UTC instants; where the later one is not known (NaT) there is no night.
    """
    known = ~np.isnat(after)
    made = np.zeros(len(after), bool)
    if not known.any():
        return made
    first, last = utc(f"{closes_at[known].min()}+00:00"), utc(f"{after[known].max()}+00:00")
    opens = market.bars(SESSION, first, last).ts
    # A market that opens where it closes has no night between: hence the sides.
    before = np.searchsorted(opens, closes_at[known], side="right")
    made[known] = before < np.searchsorted(opens, after[known], side="left")
    return made
