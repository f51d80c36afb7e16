"""Compaction changes no row, and leaves nothing that nobody needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.catalog import CATALOG, FILES
from pipelines.lake.compaction import compact
from pipelines.lake.verification import verify
from tests.busy_lake import files, fill_with_deletes, find_damage
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


def rows(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("FROM silver.series ORDER BY ALL")


def recorded(lake: Lake) -> set[str]:
    return {path for (path,) in lake.rows("SELECT path FROM meta.checksums")}


@pytest.fixture
def full(lake: Lake) -> Lake:
    fill_with_deletes(lake)
    return lake


def test_every_file_has_its_checksum_after_appends_deletes_and_compaction(full: Lake) -> None:
    kinds = {kind for (kind,) in full.rows(f"SELECT DISTINCT kind FROM ({FILES})")}
    assert kinds == {"data", "delete"}
    assert set(files(full)) <= recorded(full)
    assert find_damage(full) == []
    done = compact(full, keep=NOW, readers=NOW)
    assert done.flushed >= 20
    assert done.rewritten >= 7
    assert set(files(full)) == recorded(full)
    assert find_damage(full) == []
    assert verify(full).files == len(files(full)) > 0


def test_compaction_changes_no_row_and_leaves_no_hole(full: Lake) -> None:
    before = rows(full)
    compact(full, keep=NOW, readers=NOW)
    assert rows(full) == before
    with full.view() as view:
        listed = view.rows(
            "SELECT delete_file FROM ducklake_list_files('lake', 'series', schema => 'silver')"
        )
    assert listed == [(None,)]
    again = compact(full, keep=NOW, readers=NOW)
    assert (again.flushed, again.rewritten, again.removed) == (0, 0, 0)
    assert rows(full) == before


@pytest.mark.parametrize("holes", ["symbol < 'S00010'", "symbol < 'S02000'"])
def test_a_single_file_with_holes_is_written_anew(lake: Lake, holes: str) -> None:
    replace_series(lake, list_symbols())
    with lake.write() as writer:
        writer.delete("silver.series", holes)
    before = rows(lake)
    assert compact(lake).rewritten == 1
    assert rows(lake) == before
    assert compact(lake).rewritten == 0


@pytest.mark.parametrize("first", ["SELECT 1", "FROM silver.gaps", "FROM silver.series"])
def test_a_reader_keeps_its_snapshot_through_compactions(lake: Lake, first: str) -> None:
    fill_with_deletes(lake)
    for number in range(3):
        replace_series(lake, list_symbols("D", 30), f"{number}", source="d")
        before = rows(lake)
        with Lake(read_only=True) as other, other.view() as theirs, lake.view() as ours:
            for view in (theirs, ours):
                view.rows(first)
            assert compact(lake).flushed >= 30
            for view in (theirs, ours):
                assert view.rows("FROM silver.series ORDER BY ALL") == before
        assert rows(lake) == before


def test_rows_in_the_catalog_go_once_no_snapshot_sees_them(lake: Lake) -> None:
    first = replace_series(lake, list_symbols(count=30), "1")
    replace_series(lake, list_symbols(count=20), "2")

    def inlined() -> int:
        with lake.view() as view:
            (name,) = view.rows(
                f"""SELECT i.table_name FROM {CATALOG}.ducklake_inlined_data_tables i
                    JOIN {CATALOG}.ducklake_table t USING (table_id)
                    WHERE t.table_name = 'series'"""
            )[0]
            return int(view.one(f"SELECT count(*) FROM {CATALOG}.{name}"))

    keep_snapshot(lake, first, "model 1")
    compact(lake)
    assert inlined() == 50
    compact(lake, keep=NOW)
    compact(lake, keep=NOW)
    assert inlined() == 30
    assert count_versions(lake, first) == {"1": 30}
    release_snapshot(lake, "model 1")
    compact(lake, keep=NOW)
    assert inlined() == 0
    assert count_versions(lake) == {"2": 20}


def test_the_lake_has_no_file_that_nothing_names_after_a_compaction(full: Lake) -> None:
    compact(full, keep=NOW, readers=NOW)
    there = {
        str(path.relative_to(full.config.lake_data))
        for path in Path(full.config.lake_data).rglob("*.parquet")
    }
    assert there == set(files(full))


def test_named_snapshots_survive_and_others_expire(lake: Lake) -> None:
    first = replace_series(lake, list_symbols(), "1")
    second = replace_series(lake, list_symbols(), "2")
    replace_series(lake, list_symbols(), "3")
    keep_snapshot(lake, first, "model 1")
    done = compact(lake, keep=NOW, readers=NOW)
    assert done.kept == [first]
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
    done = compact(lake, keep=NOW)
    assert done.expired > 20
    assert done.warnings() == []


def test_a_compaction_says_that_a_reader_kept_it_from_expiring(
    lake: Lake, short_wait: None
) -> None:
    replace_series(lake, list_symbols(), "1")
    with Lake(read_only=True) as other, other.view() as view:
        assert view.one("SELECT count(*) FROM silver.series") == len(list_symbols())
        replace_series(lake, list_symbols(), "2")
        done = compact(lake, keep=NOW)
        assert (done.expired, done.unexpired > 0) == (0, True)
        assert f"{done.unexpired} old snapshots stay: a reader" in done.warnings()[0]


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
