"""Instants between Python's datetime and NumPy's UTC datetime64, and when a bar turns stale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from pipelines.core.calendar import calendar
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.forecasts import Forecast


def instants(moments: Sequence[datetime]) -> np.ndarray:
    """Return datetimes as NumPy's UTC instants."""
    return np.array([at.astimezone(UTC).replace(tzinfo=None) for at in moments], "datetime64[us]")


def instant(at: np.datetime64) -> datetime:
    """Return one of NumPy's UTC instants as a datetime with its zone."""
    moment: datetime = at.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)


def find_stale_at(
    forecast: Forecast, ts: datetime, closes_at: datetime, grace: timedelta
) -> datetime:
    """Return when the run after a bar, by its open and close, should have been done."""
    market, run = calendar(forecast.schedule.calendar), forecast.cadence
    # A run that covers several bars may have begun before this one.
    since = ts - timedelta(minutes=run.minutes or 0)
    closes = market.bars(run, since, ts + timedelta(days=70)).closes_at
    next_close: datetime = from_numpy(closes[closes > to_numpy(closes_at)][0])
    return next_close + forecast.schedule.grace + grace
