"""Compaction changes no row; verify finds every damaged file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines import cli
from pipelines.cli import app as shown
from pipelines.cli import lake as _commands  # noqa: F401
from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.catalog import CATALOG, FILES
from pipelines.lake.compaction import compact
from pipelines.lake.verification import verify
from tests.job_server import Jobs
from tests.lake_rows import keep_snapshot, many, put, release_snapshot, series, versions
from tests.open_reader import HOW, compact_under_a_reader

NOW = timedelta(0)  # nothing is too young


def rows(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("FROM silver.series ORDER BY ALL")


def files(lake: Lake) -> dict[str, Path]:
    """Every file that the lake names."""
    with lake.view() as view:
        named = view.rows(f"SELECT DISTINCT path FROM ({FILES}) ORDER BY 1")
    return {path: Path(lake.config.lake_data) / path for (path,) in named}


def recorded(lake: Lake) -> set[str]:
    return {path for (path,) in lake.rows("SELECT path FROM meta.checksums")}


def damaged(lake: Lake) -> list[tuple[str, str]]:
    return [(problem.path, problem.what) for problem in verify(lake).problems]


def busy(lake: Lake) -> None:
    """Files with holes of both kinds (in files, in the catalog), small files, inlined rows."""
    put(lake, many("A"), source="a")
    for number in range(6):
        with lake.write() as writer:
            writer.append("silver.series", series(many(f"B{number}", 1100), source=f"b{number}"))
    with lake.write() as writer:
        writer.delete("silver.series", "symbol BETWEEN 'A00100' AND 'A01899'")
    with lake.write() as writer:
        writer.delete("silver.series", "symbol LIKE 'B0%' AND symbol < 'B000010'")
    put(lake, many("C", 30), source="c")
    put(lake, many("C", 20), "2", source="c")


@pytest.fixture
def full(lake: Lake) -> Lake:
    busy(lake)
    return lake


def test_every_file_has_its_checksum_after_appends_deletes_and_compaction(full: Lake) -> None:
    kinds = {kind for (kind,) in full.rows(f"SELECT DISTINCT kind FROM ({FILES})")}
    assert kinds == {"data", "delete"}
    assert set(files(full)) <= recorded(full)
    assert damaged(full) == []
    done = compact(full, keep=NOW, readers=NOW)
    assert done.flushed >= 20
    assert done.rewritten >= 7
    assert set(files(full)) == recorded(full)
    assert damaged(full) == []
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
    put(lake, many())
    with lake.write() as writer:
        writer.delete("silver.series", holes)
    before = rows(lake)
    assert compact(lake).rewritten == 1
    assert rows(lake) == before
    assert compact(lake).rewritten == 0


@pytest.mark.parametrize("first", ["SELECT 1", "FROM silver.gaps", "FROM silver.series"])
def test_a_reader_keeps_its_snapshot_through_compactions(lake: Lake, first: str) -> None:
    busy(lake)
    for number in range(3):
        put(lake, many("D", 30), f"{number}", source="d")
        before = rows(lake)
        with Lake(read_only=True) as other, other.view() as theirs, lake.view() as ours:
            for view in (theirs, ours):
                view.rows(first)
            assert compact(lake).flushed >= 30
            for view in (theirs, ours):
                assert view.rows("FROM silver.series ORDER BY ALL") == before
        assert rows(lake) == before


def test_rows_in_the_catalog_go_once_no_snapshot_sees_them(lake: Lake) -> None:
    first = put(lake, many(count=30), "1")
    put(lake, many(count=20), "2")

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
    assert versions(lake, first) == {"1": 30}
    release_snapshot(lake, "model 1")
    compact(lake, keep=NOW)
    assert inlined() == 0
    assert versions(lake) == {"2": 20}


def test_the_lake_has_no_file_that_nothing_names_after_a_compaction(full: Lake) -> None:
    compact(full, keep=NOW, readers=NOW)
    there = {
        str(path.relative_to(full.config.lake_data))
        for path in Path(full.config.lake_data).rglob("*.parquet")
    }
    assert there == set(files(full))


def test_named_snapshots_survive_and_others_expire(lake: Lake) -> None:
    first = put(lake, many(), "1")
    second = put(lake, many(), "2")
    put(lake, many(), "3")
    keep_snapshot(lake, first, "model 1")
    done = compact(lake, keep=NOW, readers=NOW)
    assert done.kept == [first]
    assert versions(lake, first) == {"1": len(many())}
    with pytest.raises(LakeError, match="snapshot is gone"):
        versions(lake, second)
    assert damaged(lake) == []

    release_snapshot(lake, "model 1")
    assert compact(lake, keep=NOW, readers=NOW).kept == []
    with pytest.raises(LakeError, match="snapshot is gone"):
        versions(lake, first)
    assert versions(lake) == {"3": len(many())}


def test_young_snapshots_stay(lake: Lake) -> None:
    first = put(lake, many(), "1")
    put(lake, many(), "2")
    assert compact(lake).expired == 0
    assert versions(lake, first) == {"1": len(many())}


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
    put(lake, many(), "1")
    with Lake(read_only=True) as other, other.view() as view:
        assert view.one("SELECT count(*) FROM silver.series") == len(many())
        put(lake, many(), "2")
        done = compact(lake, keep=NOW)
        assert (done.expired, done.unexpired > 0) == (0, True)
        assert f"{done.unexpired} old snapshots stay: a reader" in done.warnings()[0]


def test_expired_files_stay_for_an_hour(lake: Lake) -> None:
    """DuckLake compares that hour as text, and on SQLite finds every file of the day too old."""
    put(lake, many(), "1")
    put(lake, many(), "2")
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
    assert versions(lake) == {"2": len(many())}


# -- verify


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with data and delete files; every test leaves it as it was."""
    folder = tmp_path_factory.mktemp("sound")
    config = Settings(
        lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=str(folder / "files")
    )
    with Lake(config) as lake:
        busy(lake)
        yield lake


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_in_any_file_is_found(sound: Lake, data: st.DataObject) -> None:
    path, file = data.draw(st.sampled_from(sorted(files(sound).items())))
    whole = file.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(flipped)
    try:
        assert damaged(sound) == [(path, "is damaged: it is not what was committed")]
    finally:
        file.write_bytes(whole)


def test_every_file_is_looked_at_whole(sound: Lake) -> None:
    for path, file in files(sound).items():
        whole = file.read_bytes()
        for edit in (whole[:-1], whole + b"\0", b"", bytes([whole[0] ^ 1]) + whole[1:]):
            file.write_bytes(edit)
            assert [found for found, _ in damaged(sound)] == [path]
        file.unlink()
        assert damaged(sound) == [(path, "is missing")]
        file.write_bytes(whole)
    assert damaged(sound) == []


def test_a_file_without_a_checksum_is_named(full: Lake) -> None:
    path = sorted(files(full))[0]
    with full.write() as writer:
        writer.delete("meta.checksums", "path = ?", [path])
    assert damaged(full) == [(path, "has no recorded checksum")]


def test_the_command_names_the_file_and_fails(
    full: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = CliRunner().invoke(shown.app, ["verify"])
    assert run.exit_code == 0, run.output
    assert "0 problems" in run.output

    path, file = sorted(files(full).items())[0]
    file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setattr("sys.argv", ["bullion", "verify"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    assert path in capsys.readouterr().err


@pytest.mark.parametrize("table", ["ducklake_data_file", "ducklake_inlined_data_%"])
def test_a_damaged_page_of_the_catalog_is_found(
    lake: Lake, lake_settings: Settings, table: str
) -> None:
    busy(lake)
    lake.close()
    path = Path(lake_settings.lake_catalog.removeprefix("sqlite:"))
    with closing(sqlite3.connect(path)) as catalog:
        (size,) = catalog.execute("PRAGMA page_size").fetchone()
        (page,) = catalog.execute(
            "SELECT max(rootpage) FROM sqlite_master WHERE type = 'table' AND name LIKE ?", [table]
        ).fetchone()
    whole = path.read_bytes()
    start = (page - 1) * size
    path.write_bytes(whole[:start] + os.urandom(size) + whole[start + size :])
    try:
        with Lake(read_only=True) as anew:
            found = [problem.path for problem in verify(anew).problems]
    except LakeError as error:
        found = [str(path)] if str(path) in error.message else []
    assert str(path) in found
