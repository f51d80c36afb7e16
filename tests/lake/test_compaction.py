"""Compaction changes no row, and leaves no file and no row that nothing needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.catalog import CATALOG, FILES
from pipelines.lake.compaction import compact
from pipelines.lake.verification import verify
from tests.busy_lake import files, find_damage
from tests.job_server import Jobs
from tests.lake_rows import (
    count_versions,
    keep_snapshot,
    list_symbols,
    release_snapshot,
    replace_series,
)
from tests.open_reader import HOW, compact_under_a_reader

NOW = timedelta(0)  # nothing is too young


def read_rows(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("FROM silver.series ORDER BY ALL")


def recorded_paths(lake: Lake) -> set[str]:
    return {path for (path,) in lake.rows("SELECT path FROM meta.checksums")}


def test_every_file_has_its_checksum_after_appends_deletes_and_compaction(full: Lake) -> None:
    kinds = {kind for (kind,) in full.rows(f"SELECT DISTINCT kind FROM ({FILES})")}
    assert kinds == {"data", "delete"}
    assert set(files(full)) <= recorded_paths(full)
    assert find_damage(full) == []
    report = compact(full, keep=NOW, readers=NOW)
    assert report.flushed >= 20
    assert report.rewritten >= 7
    assert set(files(full)) == recorded_paths(full)
    assert find_damage(full) == []
    assert verify(full).files == len(files(full)) > 0


def test_compaction_changes_no_row_and_leaves_no_hole(full: Lake) -> None:
    before = read_rows(full)
    compact(full, keep=NOW, readers=NOW)
    assert read_rows(full) == before
    with full.view() as view:
        delete_files = view.rows(
            "SELECT delete_file FROM ducklake_list_files('lake', 'series', schema => 'silver')"
        )
    assert delete_files == [(None,)]
    repetition = compact(full, keep=NOW, readers=NOW)
    assert (repetition.flushed, repetition.rewritten, repetition.removed) == (0, 0, 0)
    assert read_rows(full) == before


@pytest.mark.parametrize("holes", ["symbol < 'S00010'", "symbol < 'S02000'"])
def test_a_single_file_with_holes_is_written_anew(lake: Lake, holes: str) -> None:
    replace_series(lake, list_symbols())
    with lake.write() as writer:
        writer.delete("silver.series", holes)
    before = read_rows(lake)
    assert compact(lake).rewritten == 1
    assert read_rows(lake) == before
    assert compact(lake).rewritten == 0


@pytest.mark.parametrize("query", ["SELECT 1", "FROM silver.gaps", "FROM silver.series"])
def test_a_reader_keeps_its_snapshot_through_compactions(full: Lake, query: str) -> None:
    for number in range(2):
        replace_series(full, list_symbols("D", 30), f"{number}", source="d")
        before = read_rows(full)
        with Lake(read_only=True) as reader, reader.view() as foreign_view, full.view() as own_view:
            views = (foreign_view, own_view)
            for view in views:
                view.rows(query)
            assert compact(full).flushed >= 30
            for view in views:
                assert view.rows("FROM silver.series ORDER BY ALL") == before
        assert read_rows(full) == before


def test_rows_in_the_catalog_are_removed_once_no_snapshot_has_them(lake: Lake) -> None:
    first = replace_series(lake, list_symbols(count=30), "1")
    replace_series(lake, list_symbols(count=20), "2")

    def count_inlined() -> int:
        with lake.view() as view:
            (name,) = view.rows(
                f"""SELECT i.table_name FROM {CATALOG}.ducklake_inlined_data_tables i
                    JOIN {CATALOG}.ducklake_table t USING (table_id)
                    WHERE t.table_name = 'series'"""
            )[0]
            return int(view.one(f"SELECT count(*) FROM {CATALOG}.{name}"))

    keep_snapshot(lake, first, "model 1")
    compact(lake)
    assert count_inlined() == 50
    compact(lake, keep=NOW)
    compact(lake, keep=NOW)
    assert count_inlined() == 30
    assert count_versions(lake, first) == {"1": 30}
    release_snapshot(lake, "model 1")
    compact(lake, keep=NOW)
    assert count_inlined() == 0
    assert count_versions(lake) == {"2": 20}


def test_after_a_compaction_every_file_is_named_by_a_snapshot(full: Lake) -> None:
    compact(full, keep=NOW, readers=NOW)
    stored = {
        str(path.relative_to(full.config.lake_data))
        for path in Path(full.config.lake_data).rglob("*.parquet")
    }
    assert stored == set(files(full))


def test_named_snapshots_survive_and_others_expire(lake: Lake) -> None:
    first = replace_series(lake, list_symbols(), "1")
    second = replace_series(lake, list_symbols(), "2")
    replace_series(lake, list_symbols(), "3")
    keep_snapshot(lake, first, "model 1")
    report = compact(lake, keep=NOW, readers=NOW)
    assert report.kept == [first]
    assert count_versions(lake, first) == {"1": len(list_symbols())}
    with pytest.raises(LakeError, match="snapshot is gone"):
        count_versions(lake, second)
    assert find_damage(lake) == []

    release_snapshot(lake, "model 1")
    assert compact(lake, keep=NOW, readers=NOW).kept == []
    with pytest.raises(LakeError, match="snapshot is gone"):
        count_versions(lake, first)
    assert count_versions(lake) == {"3": len(list_symbols())}


def test_young_snapshots_stay(lake: Lake) -> None:
    first = replace_series(lake, list_symbols(), "1")
    replace_series(lake, list_symbols(), "2")
    assert compact(lake).expired == 0
    assert count_versions(lake, first) == {"1": len(list_symbols())}


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compactions wait for readers, but not for long."""
    monkeypatch.setattr("pipelines.lake.catalog.READERS_WAIT_MS", 50)


@pytest.mark.parametrize("how", HOW)
def test_a_reader_keeps_its_rows_when_nothing_is_to_be_kept(
    lake: Lake, jobs: Jobs, how: str, tmp_path: Path, short_wait: None
) -> None:
    assert compact_under_a_reader(lake, jobs, how, tmp_path) == [0, 0]
    report = compact(lake, keep=NOW)
    assert report.expired > 10
    assert report.warnings() == []


def test_a_compaction_reports_that_a_reader_kept_it_from_expiring(
    lake: Lake, short_wait: None
) -> None:
    replace_series(lake, list_symbols(), "1")
    with Lake(read_only=True) as reader, reader.view() as view:
        assert view.one("SELECT count(*) FROM silver.series") == len(list_symbols())
        replace_series(lake, list_symbols(), "2")
        report = compact(lake, keep=NOW)
        assert (report.expired, report.unexpired > 0) == (0, True)
        assert f"{report.unexpired} old snapshots stay: a reader" in report.warnings()[0]


def test_expired_files_stay_for_an_hour(lake: Lake) -> None:
    """DuckLake compares that hour as text, and on SQLite finds every file of the day too old."""
    replace_series(lake, list_symbols(), "1")
    replace_series(lake, list_symbols(), "2")
    assert compact(lake, keep=NOW).removed == 0
    assert len(lake.store.listing("silver/series")) == 2
    with lake.compacting() as commit, commit("the clock goes on") as writer:
        earlier = datetime.now(UTC) - timedelta(minutes=61)
        writer.run(
            f"UPDATE {CATALOG}.ducklake_files_scheduled_for_deletion SET schedule_start = ?",
            [earlier.strftime("%Y-%m-%d %H:%M:%S+00")],
        )
    assert compact(lake, keep=NOW).removed == 1
    assert len(lake.store.listing("silver/series")) == 1
    assert compact(lake, keep=NOW).removed == 0
    assert count_versions(lake) == {"2": len(list_symbols())}
