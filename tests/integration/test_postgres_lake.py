"""The lake with its catalog in a real PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest

from pipelines.contracts.silver import SERIES
from pipelines.contracts.tables import LAYOUT, fingerprint
from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings, settings
from pipelines.forecasts.tables import ALL_TABLES
from pipelines.lake import Lake
from pipelines.lake.catalog import CATALOG
from pipelines.lake.compaction import compact
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake
from tests.aggregates import wrong_answers
from tests.job_server import Jobs
from tests.kill_rounds import find_torn, read_content, run_undisturbed, torture
from tests.lake_rows import (
    count_versions,
    keep_snapshot,
    list_symbols,
    replace_series,
    write_series,
)
from tests.many_processes import append_at_once, make_lake_at_once
from tests.open_reader import HOW, compact_under_a_reader
from tests.servers import postgres

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing()),
]
NOW = timedelta(0)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.postgres() as target:
        yield target


@pytest.fixture
def lake_settings(
    lake_settings: Settings, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A database of its own for each test."""
    target = postgres.create_database(server, f"d{abs(hash(tmp_path))}")
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"postgres:{target}")
    return settings()


def test_a_fresh_database_becomes_a_lake_however_many_open_it(
    lake_settings: Settings, jobs: Jobs
) -> None:
    with pytest.raises(LakeError, match="there is no lake"):
        open_lake(read_only=True)
    make_lake_at_once(jobs)
    with open_lake(read_only=True) as lake:
        # With the feature tables, and without: each is written once.
        layouts = lake.rows("SELECT layout, fingerprint FROM meta.layouts")
        assert sorted(layouts) == sorted(
            [(LAYOUT, fingerprint()), (LAYOUT, fingerprint(ALL_TABLES))]
        )


def test_an_ingest_gives_the_same_rows_as_in_an_sqlite_lake(
    lake_settings: Settings, jobs: Jobs, tmp_path: Path
) -> None:
    jobs.run("ingest")
    sqlite = Settings(lake_catalog=f"sqlite:{tmp_path}/o/c.sqlite", lake_data=f"{tmp_path}/o/files")
    with open_lake() as lake:
        assert read_content(lake) == run_undisturbed(sqlite)
        assert find_torn(lake) == []
        assert verify(lake).problems == []
        content = read_content(lake)
        compact(lake, keep=NOW, readers=NOW)
        assert read_content(lake) == content
        assert verify(lake).problems == []
        assert verify(lake).files > 0
        assert compact(lake, keep=NOW, readers=NOW).rewritten == 0


def test_six_writers_at_once_lose_and_double_nothing(lake: Lake, jobs: Jobs) -> None:
    append_at_once(lake, jobs, "abcdef", 10)


@pytest.mark.parametrize("count", [5, 3000])
def test_an_older_snapshot_stays_readable_through_a_compaction(lake: Lake, count: int) -> None:
    first = replace_series(lake, list_symbols(count=count), "1")
    second = replace_series(lake, list_symbols(count=count), "2")
    keep_snapshot(lake, first, "model 1")
    with lake.view() as view:
        compact(lake, keep=NOW)
        compact(lake, keep=NOW)
        assert view.one("SELECT min(calendar) FROM silver.series") == "2"
    assert count_versions(lake, first) == {"1": count}
    assert count_versions(lake) == {"2": count}
    with pytest.raises(LakeError, match="snapshot is gone"):
        count_versions(lake, second)


def test_a_row_that_was_changed_in_the_database_is_named(
    lake: Lake, lake_settings: Settings
) -> None:
    def change(value: str) -> None:
        with psycopg2.connect(lake.target) as connection, connection.cursor() as cursor:
            cursor.execute(
                """SELECT i.table_name FROM ducklake_inlined_data_tables i
                   JOIN ducklake_table t USING (table_id) WHERE t.table_name = 'series'"""
            )
            (name,) = cursor.fetchone()
            cursor.execute(f"UPDATE {name} SET calendar = %s WHERE symbol = 'S00003'", [value])
            assert cursor.rowcount == 1
        connection.close()

    replace_series(lake, list_symbols(count=5), "other", source="t")
    replace_series(lake, [])
    with lake.write() as writer:
        writer.delete("silver.series", "source = 't'")
    compact(lake, keep=NOW)
    compact(lake, keep=NOW)
    commit = replace_series(lake, list_symbols(count=5), "HOLD")
    assert verify(lake).problems == []
    change("SELL")
    wrong = [("silver.series", f"has rows in the catalog that are not what commit {commit} wrote")]
    assert [(problem.path, problem.what) for problem in verify(lake).problems] == wrong
    with pytest.raises(LakeError, match=f"commit {commit} wrote"):
        compact(lake)
    change("HOLD")
    compact(lake)
    assert count_versions(lake) == {"HOLD": 5}
    assert verify(lake).problems == []


def test_a_deletion_that_was_changed_in_the_database_is_named(lake: Lake) -> None:
    def change(row: int, other: int) -> None:
        with psycopg2.connect(lake.target) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT table_id FROM ducklake_table WHERE table_name = 'series'")
            name = f"ducklake_inlined_delete_{cursor.fetchone()[0]}"
            cursor.execute(f"UPDATE {name} SET row_id = %s WHERE row_id = %s", [other, row])
            assert cursor.rowcount == 1
        connection.close()

    replace_series(lake, list_symbols(), "HOLD")
    with lake.write() as writer:
        writer.delete("silver.series", "symbol < 'S00005'")
        commit = writer.batch
    assert verify(lake).problems == []
    change(3, 100)
    wrong = f"has deletions in the catalog that are not what commit {commit} wrote"
    assert [(p.path, p.what) for p in verify(lake).problems] == [("silver.series", wrong)]
    with pytest.raises(LakeError, match=wrong):
        compact(lake)
    change(100, 3)
    compact(lake, keep=NOW)
    compact(lake, keep=NOW)
    assert count_versions(lake) == {"HOLD": 2995}
    assert verify(lake).problems == []


@pytest.mark.parametrize("how", HOW)
def test_a_reader_keeps_its_rows_through_a_compaction_that_keeps_nothing(
    lake: Lake, jobs: Jobs, how: str, tmp_path: Path
) -> None:
    assert min(compact_under_a_reader(lake, jobs, how, tmp_path)) > 0


def test_a_reader_whose_files_were_removed_gets_an_error_instead_of_fewer_rows(lake: Lake) -> None:
    replace_series(lake, list_symbols(), "1")
    with open_lake(read_only=True) as reader, reader.view() as view:
        view.rows("FROM lake.current_snapshot()")
        replace_series(lake, list_symbols(), "2")
        assert compact(lake, keep=NOW, readers=NOW).removed == 1
        with pytest.raises(LakeError, match="missing"):
            view.one("SELECT max(symbol) FROM silver.series")


def test_expired_files_stay_for_an_hour_whatever_the_server_thinks_the_time_is(
    lake: Lake, lake_settings: Settings
) -> None:
    admin = psycopg2.connect(lake_settings.lake_catalog.partition(":")[2])
    admin.autocommit = True
    name = admin.info.dbname
    admin.cursor().execute(f"ALTER DATABASE {name} SET timezone = 'America/New_York'")
    replace_series(lake, list_symbols(), "1")
    replace_series(lake, list_symbols(), "2")
    with open_lake() as anew:
        assert compact(anew, keep=NOW).removed == 0
        admin.cursor().execute(
            "UPDATE ducklake_files_scheduled_for_deletion "
            "SET schedule_start = schedule_start - INTERVAL '61 minutes'"
        )
        assert compact(anew, keep=NOW).removed == 1
    admin.close()
    assert count_versions(lake) == {"2": len(list_symbols())}


def test_a_killed_writer_releases_the_lock(
    lake: Lake, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = jobs.start("hold")
    holder.said("held")
    monkeypatch.setenv("BULLION_LAKE_LOCK_TIMEOUT", "0.2")
    with (
        open_lake() as late,
        pytest.raises(LakeError, match="held by bullion hold"),
        late.write("late"),
    ):
        pass
    holder.kill()
    replace_series(lake, ["A"])
    assert count_versions(lake) == {"1": 1}


def test_a_killed_ingest_is_never_torn_and_repeats_to_the_same_rows(
    lake_settings: Settings, jobs: Jobs, tmp_path: Path
) -> None:
    seconds = torture(jobs, 20, seed=1, compact_every=10)
    print(f"\n{seconds:.2f} s a round")
    sqlite = Settings(lake_catalog=f"sqlite:{tmp_path}/o/c.sqlite", lake_data=f"{tmp_path}/o/files")
    with open_lake() as lake:
        assert read_content(lake) == run_undisturbed(sqlite)


def test_a_reader_never_fails_beside_two_writers(lake: Lake, jobs: Jobs) -> None:
    writers = [jobs.start("rewrite", name, 5) for name in ("a", "b")]
    report = jobs.start("read", 4).result()
    commits = sum(writer.result() for writer in writers)
    print(f"\n{report['reads']} reads beside {commits} commits, longest {report['longest']:.3f} s")
    assert (report["torn"], report["back"]) == ([], [])


def test_a_server_that_dies_is_a_clear_error(tmp_path: Path) -> None:
    with postgres.postgres() as target:
        config = Settings(lake_catalog=f"postgres:{target}", lake_data=str(tmp_path / "files"))
        lake = open_lake(config)
        replace_series(lake, ["A"])
    with pytest.raises(LakeError, match="cannot be reached"):
        replace_series(lake, ["B"])
    with pytest.raises(LakeError):
        lake.rows("FROM silver.series")
    lake.close()


def test_minimum_maximum_and_counts_are_those_of_the_rows(lake: Lake) -> None:
    assert lake.rows("SELECT min(known_at), max(known_at) FROM gold.outcomes") == [(None, None)]
    replace_series(lake, list_symbols("A"))
    replace_series(lake, ["M"], source="m")
    with lake.write() as writer:
        write_series(writer, ["Z"], source="z")
        writer.delete("silver.series", "source = 'z' OR symbol < 'A01000'")
    assert wrong_answers(lake, (SERIES,)) == []
    compact(lake)
    assert wrong_answers(lake, (SERIES,)) == []
    assert lake.rows(f"FROM {CATALOG}.ducklake_table_column_stats") == []


def test_a_copied_database_is_refused_beside_its_original(lake: Lake) -> None:
    replace_series(lake, list_symbols(), "1")
    lake.close()
    target = lake.config.lake_catalog.removeprefix("postgres:")
    name = re.search(r"dbname=(\w+)", target)
    assert name is not None
    connection = psycopg2.connect(target.replace(name[1], "postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name[1]}_copy TEMPLATE {name[1]}")
    connection.close()
    copy = Settings(
        lake_catalog=f"postgres:{target.replace(name[1], f'{name[1]}_copy')}",
        lake_data=lake.config.lake_data,
    )
    with open_lake(copy) as copied:
        with pytest.raises(LakeError, match=f"is a copy of the database {name[1]}"):
            compact(copied, keep=NOW, readers=NOW)
        with open_lake() as original:
            replace_series(original, list_symbols(), "2")
        with pytest.raises(LakeError, match="lacks snapshot"):
            compact(copied, keep=NOW, readers=NOW)
