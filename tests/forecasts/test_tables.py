"""Every table of the lake is listed once, by layer, with the features of each forecast."""

from __future__ import annotations

from pipelines.contracts.tables import LAYERS, TABLES
from pipelines.forecasts import FORECASTS
from pipelines.forecasts.tables import ALL_TABLES, FEATURE_TABLES


def test_each_forecast_has_its_feature_table_in_the_order_of_forecasts() -> None:
    names = [f"gold.features_{forecast.name}" for forecast in FORECASTS]
    assert [table.full_name for table in FEATURE_TABLES] == names


def test_all_tables_are_listed_once_and_by_layer() -> None:
    assert {*ALL_TABLES} == {*TABLES, *FEATURE_TABLES}
    assert len({table.full_name for table in ALL_TABLES}) == len(ALL_TABLES)
    layers = [LAYERS.index(table.schema) for table in ALL_TABLES]
    assert layers == sorted(layers)
