"""The lake of an installation has every declared table, those of features included."""

from __future__ import annotations

import pytest

from pipelines.core.errors import BullionError
from pipelines.core.settings import Settings
from pipelines.forecasts.tables import ALL_TABLES
from pipelines.lake import Lake
from pipelines.steps.lake import open_lake


def test_every_declared_table_is_there_and_empty(lake: Lake, lake_settings: Settings) -> None:
    with open_lake(lake_settings, read_only=True, create=False) as opened:
        for table in ALL_TABLES:
            rows = opened.sql(f"SELECT * FROM {table.full_name}")
            assert set(rows.schema.names) == set(table.column_names), table.full_name


def test_the_options_are_those_of_the_lake(lake_settings: Settings) -> None:
    with pytest.raises(BullionError, match="there is no lake"):
        open_lake(lake_settings, create=False)
    open_lake(lake_settings).close()
    with (
        open_lake(lake_settings, read_only=True) as opened,
        pytest.raises(BullionError),
        opened.write("test"),
    ):
        pass
