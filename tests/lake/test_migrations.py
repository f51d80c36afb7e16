"""Opening a lake of another layout brings it up to date, or says what to do."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date

import duckdb
import pytest

from pipelines.contracts.silver import SERIES
from pipelines.contracts.tables import LAYOUT, TABLES, Column, Table, fingerprint
from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings
from pipelines.forecasts.tables import ALL_TABLES, FEATURE_TABLES
from pipelines.lake import Lake, Writer, migrations
from pipelines.lake.attach import attach_statements
from pipelines.lake.catalog import CATALOG
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake
from tests.aggregates import wrong_answers
from tests.job_server import Jobs
from tests.lake.catalog_file import catalog_file, list_layouts
from tests.lake_rows import count_versions, list_symbols, replace_series, series

ALL_PRINT = fingerprint(ALL_TABLES)  # all tables, those of forecasts too

Declare = Callable[[tuple[Table, ...]], None]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Make this Bullion one with other tables."""

    def declare(tables: tuple[Table, ...]) -> None:
        for module in ("migrations", "door"):
            monkeypatch.setattr(f"pipelines.lake.{module}.TABLES", tables)

    return declare


def without(name: str, column: str = "") -> tuple[Table, ...]:
    """The declared tables without one, or without one of its columns."""
    return tuple(
        replace(table, columns=tuple(c for c in table.columns if c.name != column))
        if table.full_name == name and column
        else table
        for table in TABLES
        if table.full_name != name or column
    )


def test_a_fresh_lake_has_every_table_and_column(lake: Lake) -> None:
    have = lake.rows(
        "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() "
        "WHERE database_name = 'lake'"
    )
    assert set(have) >= {(t.full_name, c) for t in ALL_TABLES for c in t.column_names}
    assert set(list_layouts(lake)) == {(LAYOUT, fingerprint()), (LAYOUT, fingerprint(ALL_TABLES))}


def test_opening_an_up_to_date_lake_changes_nothing(lake: Lake) -> None:
    before = lake.snapshot
    with Lake() as reopened:
        assert reopened.snapshot == before


def feature_tables(lake: Lake) -> set[str]:
    rows = lake.rows("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'")
    return {f"gold.{name}" for (name,) in rows if name.startswith("features_")}


def test_a_lake_gets_the_tables_of_forecasts_and_can_be_opened_without_them() -> None:
    with Lake() as lake:
        replace_series(lake, ["A"])
        assert feature_tables(lake) == set()
    with pytest.raises(LakeError, match="not those of this code"):
        open_lake(read_only=True)
    with open_lake() as lake:
        assert feature_tables(lake) == {table.full_name for table in FEATURE_TABLES}
        assert count_versions(lake) == {"1": 1}
        before = lake.snapshot
    for read_only in (False, True):
        for reopen in (Lake, open_lake):
            with reopen(read_only=read_only) as reopened:
                assert reopened.snapshot == before


def record_as_one_declaration(lake: Lake) -> None:
    """Leave the row of layouts that was written while one declaration held all tables."""
    with lake.write() as writer:
        writer.run("DELETE FROM meta.layouts")
        writer.run("INSERT INTO meta.layouts VALUES (?, ?, now())", [LAYOUT, ALL_PRINT])


def test_a_lake_that_recorded_all_its_tables_as_one_is_valid(lake: Lake) -> None:
    replace_series(lake, ["A"])
    record_as_one_declaration(lake)
    before = lake.snapshot
    with open_lake(read_only=True) as reader:
        assert reader.snapshot == before
    with open_lake() as writer:
        assert count_versions(writer) == {"1": 1}
    Lake(read_only=True).close()


def test_opening_without_the_forecasts_leaves_their_tables_valid(lake: Lake) -> None:
    record_as_one_declaration(lake)
    Lake().close()
    before = lake.snapshot
    for reopen in (Lake, open_lake):
        for read_only in (True, False):
            with reopen(read_only=read_only) as reopened:
                assert reopened.snapshot == before


def test_a_feature_that_was_declared_since_is_added(lake: Lake) -> None:
    first = FEATURE_TABLES[0]
    longer = replace(first, columns=(*first.columns, Column("rsi_99", "DOUBLE", "new", "ratio")))
    with pytest.raises(LakeError, match="not those of this code"):
        Lake(read_only=True, feature_tables=(longer, *FEATURE_TABLES[1:]))
    with Lake(feature_tables=(longer, *FEATURE_TABLES[1:])) as extended:
        assert extended.rows(f"SELECT count(rsi_99) FROM {first.full_name}") == [(0,)]


def test_opening_a_lake_loads_no_forecast() -> None:
    loaded = "[name for name in sys.modules if name.startswith('pipelines.forecasts')]"
    script = f"import sys; from pipelines.lake import Lake; Lake().close(); print({loaded})"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert process.stdout == "[]\n", process.stderr


@pytest.mark.parametrize("missing", [("silver.gaps", ""), ("silver.bars", "split_factor")])
def test_a_table_or_column_that_was_declared_since_is_added(
    declare: Declare, lake_settings: Settings, missing: tuple[str, str]
) -> None:
    declare(without(*missing))
    with Lake() as lake:
        replace_series(lake, ["A"])
    declare(TABLES)
    with pytest.raises(LakeError, match="not those of this code") as caught:
        Lake(read_only=True)
    assert "bullion status" in caught.value.hint
    assert str(catalog_file(lake_settings)) in caught.value.message
    with Lake() as lake:
        assert lake.rows("SELECT count(split_factor) FROM silver.bars") == [(0,)]
        assert lake.rows("SELECT count(*) FROM silver.gaps") == [(0,)]
        assert count_versions(lake) == {"1": 1}
        assert (LAYOUT, fingerprint()) in list_layouts(lake)
        assert lake.rows("SELECT count(DISTINCT applied_at) FROM meta.layouts") == [(2,)]
    Lake(read_only=True).close()


def test_a_newer_lake_is_refused_and_not_touched(lake: Lake, lake_settings: Settings) -> None:
    replace_series(lake, ["A"])
    with lake.write() as writer:
        writer.run(f"INSERT INTO meta.layouts VALUES ({LAYOUT + 1}, 'later', now())")
    before = lake.snapshot
    for read_only in (False, True):
        with pytest.raises(LakeError, match=f"layout {LAYOUT + 1}") as caught:
            Lake(read_only=read_only)
        assert "update Bullion" in caught.value.hint
    assert lake.snapshot == before


def stop(writer: Writer, layout: migrations.Layout) -> None:
    raise KeyboardInterrupt


def test_a_lake_whose_making_was_stopped_is_finished(
    monkeypatch: pytest.MonkeyPatch, lake_settings: Settings
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", (migrations.STEPS[0], stop))
        with pytest.raises(KeyboardInterrupt):
            Lake()
    with pytest.raises(LakeError):
        Lake(read_only=True)
    with Lake() as lake:
        assert list_layouts(lake) == [(LAYOUT, fingerprint())]
        replace_series(lake, ["A"])


def test_a_lake_killed_while_it_is_made_is_finished(jobs: Jobs, lake_settings: Settings) -> None:
    draw = random.Random(5)
    for _ in range(4):
        job = jobs.start("make")
        time.sleep(draw.uniform(0.02, 0.6))
        job.kill()
        with Lake() as lake:
            replace_series(lake, ["A"])
            assert count_versions(lake) == {"1": 1}
            assert verify(lake).problems == []
        shutil.rmtree(catalog_file(lake_settings).parent)


def test_a_column_of_another_type_asks_for_a_migration(declare: Declare) -> None:
    tables = tuple(
        replace(
            SERIES,
            columns=tuple(
                c.replace(type="INTEGER") if c.name == "calendar" else c for c in t.columns
            ),
        )
        if t is SERIES
        else t
        for t in TABLES
    )
    declare(tables)
    Lake().close()
    declare(TABLES)
    with pytest.raises(LakeError, match=r"silver.series.calendar is INTEGER.*VARCHAR") as caught:
        Lake()
    assert "migration" in caught.value.hint


def test_a_migration_runs_once_even_when_its_lake_is_stopped_half_way(
    monkeypatch: pytest.MonkeyPatch, lake: Lake
) -> None:
    replace_series(lake, ["A"])
    batches = []

    def migrate(writer: Writer) -> None:
        batches.append(writer.batch)
        writer.touch("silver.series")
        writer.run("UPDATE silver.series SET calendar = 'moved'")

    monkeypatch.setattr("pipelines.lake.migrations.LAYOUT", LAYOUT + 1)
    with pytest.raises(LakeError, match="no way from layout") as caught:
        Lake()
    assert "bullion export" in caught.value.hint
    assert count_versions(lake) == {"1": 1}
    monkeypatch.setattr(migrations, "MIGRATIONS", {LAYOUT: migrate})
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", (migrations.STEPS[0], stop))
        with pytest.raises(KeyboardInterrupt):
            Lake()
    for _ in range(2):
        with Lake() as moved:
            assert count_versions(moved) == {"moved": 1}
            assert list_layouts(moved)[-1][0] == LAYOUT + 1
    assert len(batches) == 1


def test_a_lake_of_the_first_layout_keeps_its_rows_under_their_new_names(
    lake: Lake, lake_settings: Settings
) -> None:
    """The features' outcome had no target in its name, and a prediction was never null."""
    table = "gold.features_nasdaq100_hourly"
    declared = next(t for t in FEATURE_TABLES if t.full_name == table)
    row = ", ".join(_any_value(c) for c in declared.columns)
    predictions = next(t for t in TABLES if t.full_name == "gold.predictions")
    old_columns = tuple(c for c in predictions.columns if not c.name.startswith("value"))
    first = replace(
        predictions,
        columns=tuple(c.replace(nullable=c.name == "unproven_reason") for c in old_columns),
    )
    with lake.write() as writer:
        writer.touch(table)
        writer.run(f"INSERT INTO {table} SELECT {row}")
        for column in ("outcome", "known_at"):
            writer.run(f"ALTER TABLE {table} RENAME COLUMN {column}_action TO {column}")
        writer.run("DROP TABLE gold.predictions")
        for statement in first.ddl():
            writer.run(statement)
        writer.run("DELETE FROM meta.layouts")
        writer.run("INSERT INTO meta.layouts VALUES (1, 'the first', now())")
    for _ in range(2):
        with open_lake(lake_settings) as moved:
            assert moved.rows(f"SELECT outcome_action, known_at_action::DATE FROM {table}") == [
                (0.0, date(2026, 1, 2))
            ]
            assert list_layouts(moved)[-1][0] == LAYOUT
            strict = moved.rows(
                """SELECT column_name FROM duckdb_columns() WHERE database_name = 'lake'
                   AND table_name = 'predictions' AND NOT is_nullable ORDER BY 1"""
            )
            assert not {"action", "value", "probabilities"} & {name for (name,) in strict}


def test_the_catalog_counts_the_rows_of_each_table_and_keeps_no_bounds_of_columns(
    lake: Lake,
) -> None:
    """A table that is not counted is asked for once for each column of each query."""

    def bounds() -> list[tuple[object, ...]]:
        return lake.rows(f"FROM {CATALOG}.ducklake_table_column_stats")

    counted = lake.rows(f"SELECT table_id FROM {CATALOG}.ducklake_table_stats ORDER BY 1")
    tables = lake.rows(f"SELECT table_id FROM {CATALOG}.ducklake_table ORDER BY 1")
    assert counted == tables
    assert len(tables) == len(lake.tables)
    assert bounds() == []
    replace_series(lake, list_symbols())
    replace_series(lake, ["A"])
    assert bounds() == []
    assert counted == lake.rows(f"SELECT table_id FROM {CATALOG}.ducklake_table_stats ORDER BY 1")


def test_a_lake_of_the_second_layout_forgets_the_rows_of_its_making(
    lake: Lake, lake_settings: Settings
) -> None:
    """A row was written to each table and deleted in the same commit, and DuckLake remembered."""
    with lake.write() as writer:
        writer.run(f"DELETE FROM {CATALOG}.ducklake_table_stats")
    with lake.write() as writer:
        writer.append("silver.series", series(["A"], source="").append_column("batch", [[0]]))
        writer.delete("silver.series", "true")
        writer.run("DELETE FROM meta.layouts")
        writer.run("INSERT INTO meta.layouts VALUES (2, ?, now())", [fingerprint()])
    batch = replace_series(lake, ["M"], source="m")
    question = "SELECT min(batch), max(batch) FROM silver.series"
    assert lake.rows(question) == [(0, batch)]
    for _ in range(2):
        with Lake(lake_settings) as moved:
            assert moved.rows(question) == [(batch, batch)]
            assert list_layouts(moved)[1:] == [(LAYOUT, "migrated"), (LAYOUT, fingerprint())]
            assert wrong_answers(moved) == []
    with closing(duckdb.connect()) as shell:  # as `make sql` and analysts attach it
        for statement in attach_statements(lake_settings, read_only=True):
            shell.execute(statement)
        assert shell.execute(question).fetchall() == [(batch, batch)]


def test_a_lake_of_the_third_layout_forgets_how_late_rows_were_that_are_not_live(
    lake: Lake, lake_settings: Settings
) -> None:
    """A backfill's had the years since its bars."""
    tables = ("gold.predictions", "gold.index_signals")
    values = {"live": "live", "delay_seconds": "60.0", "batch": "7"}
    with lake.write() as writer:
        for name in tables:
            writer.touch(name)
            columns = next(t for t in TABLES if t.full_name == name).columns
            row = ", ".join(
                values.get(c.name) or (f"NULL::{c.type}" if c.nullable else _any_value(c))
                for c in columns
            )
            writer.run(f"INSERT INTO {name} SELECT {row} FROM (VALUES (true), (false)) AS v(live)")
            writer.run(f"ALTER TABLE {name} DROP COLUMN news_source")
        writer.run("DELETE FROM meta.layouts")
        writer.run("INSERT INTO meta.layouts VALUES (3, ?, now())", [fingerprint()])
    for _ in range(2):
        with Lake(lake_settings) as moved:
            for name in tables:
                assert moved.rows(
                    f"SELECT live, delay_seconds, news_source, batch FROM {name} ORDER BY live"
                ) == [(False, None, None, 7), (True, 60.0, None, 7)]
            assert list_layouts(moved)[-1][0] == LAYOUT


def _any_value(column: Column) -> str:
    values = {"VARCHAR": "''", "DATE": "'2026-01-02'", "TIMESTAMPTZ": "'2026-01-02'"}
    return f"{values.get(column.type, '0')}::{column.type}"
