"""The SQL that attaches a lake: reading and writing, where small writes go, older snapshots."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.attach import attach_statements
from pipelines.lake.catalog import CATALOG
from pipelines.lake.errors import NO_LAKE
from tests.lake.catalog_file import catalog_file
from tests.lake_rows import (
    list_symbols,
    replace_series,
)


def test_the_sqlite_catalog_is_in_wal_mode(lake: Lake) -> None:
    assert lake.rows(f"FROM sqlite_query('{CATALOG}', 'PRAGMA journal_mode')") == [("wal",)]


def test_the_tests_of_the_lake_run_with_every_optimizer(lake: Lake) -> None:
    """Those of other folders leave some out in `make test`: see tests/side_by_side.py."""
    assert lake.rows("SELECT current_setting('disabled_optimizers')") == [("",)]


def test_small_writes_stay_in_the_catalog_and_large_ones_become_files(lake: Lake) -> None:
    replace_series(lake, list_symbols(count=10))
    assert lake.store.listing("silver/series") == set()
    replace_series(lake, list_symbols(), source="t")
    assert len(lake.store.listing("silver/series")) == 1


def attach(config: Settings, **options: Any) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for statement in attach_statements(config, **options):
        connection.execute(statement)
    return connection


def test_an_attached_snapshot_is_read_and_cannot_be_changed(lake: Lake) -> None:
    first = replace_series(lake, ["A"], "1")
    replace_series(lake, ["A"], "2")
    with closing(attach(lake.config, read_only=True, snapshot=first)) as shell:
        assert shell.execute("SELECT calendar FROM silver.series").fetchall() == [("1",)]
        with pytest.raises(duckdb.Error, match="read-only"):
            shell.execute("DELETE FROM silver.series")


def test_no_catalog_is_made_unless_it_is_asked_for(lake_settings: Settings) -> None:
    catalog_file(lake_settings).parent.mkdir()
    with pytest.raises(duckdb.Error, match=NO_LAKE):
        attach(lake_settings)
    attach(lake_settings, create=True).close()
    attach(lake_settings).close()


def test_a_quote_in_a_path_ends_no_statement(tmp_path: Path) -> None:
    folder = tmp_path / "an analyst's; DROP"
    config = Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")
    with Lake(config) as lake:
        replace_series(lake, list_symbols())
    with closing(attach(config, read_only=True)) as shell:
        count = shell.execute("SELECT count(*) FROM silver.series").fetchone()
    assert count == (len(list_symbols()),)
