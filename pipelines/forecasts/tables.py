"""The feature table of each forecast, and with them every table of the lake."""

from __future__ import annotations

from pipelines.contracts.schema import Table
from pipelines.contracts.tables import TABLES, sort_by_layer
from pipelines.forecasts import FORECASTS

FEATURE_TABLES: tuple[Table, ...] = tuple(forecast.table for forecast in FORECASTS)
ALL_TABLES: tuple[Table, ...] = sort_by_layer((*TABLES, *FEATURE_TABLES))
