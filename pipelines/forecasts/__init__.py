"""The forecasts. To add one: a file here that declares it, and a test."""

from __future__ import annotations

from typing import TypeGuard

from pipelines.core.discovery import declared_objects, module_names
from pipelines.core.errors import unknown
from pipelines.forecasts.aapl_daily import AAPL_DAILY
from pipelines.forecasts.base import Forecast, TargetForecast
from pipelines.forecasts.nasdaq100_hourly import NASDAQ100_HOURLY
from pipelines.forecasts.nvda_5m import NVDA_5M
from pipelines.forecasts.sp500_intraday import SP500_INTRADAY
from pipelines.forecasts.spy_next_day import SPY_NEXT_DAY
from pipelines.forecasts.target import Target

# These come first, in this order, in tables and DAGs; the others follow by the name of their file.
# The first is the forecast of an API request that names none.
FIRST = ("nasdaq100_hourly", "aapl_daily", "nvda_5m", "spy_next_day", "sp500_intraday")
NO_FORECASTS = (
    "combination",
    "description",
    "names",
    "tables",
    "target",
)  # modules that declare none


def _is_forecast(value: object) -> TypeGuard[Forecast]:
    return isinstance(value, Forecast)


FORECASTS = declared_objects(__name__, module_names(__path__, FIRST, NO_FORECASTS), _is_forecast)


def forecast(name: str) -> Forecast:
    """Return the forecast of that name."""
    for declared in FORECASTS:
        if declared.name == name:
            return declared
    raise unknown("forecast", name, (f.name for f in FORECASTS))


__all__ = [
    "AAPL_DAILY",
    "FORECASTS",
    "NASDAQ100_HOURLY",
    "NVDA_5M",
    "SP500_INTRADAY",
    "SPY_NEXT_DAY",
    "Forecast",
    "Target",
    "TargetForecast",
    "forecast",
]
