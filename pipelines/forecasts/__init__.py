"""The forecasts. To add one: a file here, a line in FORECASTS, a test."""

from __future__ import annotations

from pipelines.core.errors import unknown
from pipelines.forecasts.aapl_daily import AAPL_DAILY
from pipelines.forecasts.base import Forecast, Target, TargetForecast
from pipelines.forecasts.nasdaq100_hourly import NASDAQ100_HOURLY

FORECASTS: tuple[Forecast, ...] = (NASDAQ100_HOURLY, AAPL_DAILY)


def forecast(name: str) -> Forecast:
    """The forecast of that name."""
    for known in FORECASTS:
        if known.name == name:
            return known
    raise unknown("forecast", name, (f.name for f in FORECASTS))


__all__ = ["FORECASTS", "Forecast", "Target", "TargetForecast", "forecast"]
