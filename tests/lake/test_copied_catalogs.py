"""A copied catalog, or an old one put back, does not write to the files of the one that went on."""

from __future__ import annotations

import json
import logging
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.lake.file_store import FolderStore
from pipelines.lake.folder_owner import MARK, read_mark
from pipelines.lake.verification import verify
from tests.commands import Bullion
from tests.job_server import Jobs
from tests.lake.catalog_file import catalog_file
from tests.lake.leftovers import mark_earlier
from tests.lake_rows import count_versions, list_symbols, replace_series

NOW = timedelta(0)


def list_files(config: Settings) -> set[Path]:
    return set(Path(config.lake_data).rglob("*.parquet"))


def write_files(config: Settings, names: str) -> None:
    """Write a file for each letter."""
    with Lake(config) as lake:
        for name in names:
            replace_series(lake, list_symbols(name), source=name)


def copy_catalog(config: Settings, name: str) -> Settings:
    """Copy the catalog of a closed lake; return settings of the copy over the same folder."""
    place = catalog_file(config).with_name(name)
    shutil.copy(catalog_file(config), place)
    return Settings(lake_catalog=f"sqlite:{place}", lake_data=config.lake_data)


def put_back(copy: Settings, config: Settings) -> None:
    shutil.copy(catalog_file(copy), catalog_file(config))


def assert_refused(config: Settings, match: str) -> None:
    """Nothing is written by the catalog and no file removed, and its rows can be read."""
    files = list_files(config)
    with Lake(config) as lake:
        before = lake.snapshot
        with pytest.raises(LakeError, match=match) as caught:
            replace_series(lake, list_symbols(), "refused")
        assert "bullion adopt" in caught.value.hint
        assert "BULLION_LAKE_DATA" in caught.value.hint
        for keep in (NOW, timedelta(days=7)):
            with pytest.raises(LakeError, match=match):
                compact(lake, keep=keep, readers=NOW, orphans=True)
        assert lake.snapshot == before
    with Lake(config, read_only=True) as reader:
        assert "refused" not in count_versions(reader)
    assert list_files(config) == files


@pytest.fixture
def config(lake: Lake) -> Settings:
    """A lake with two files, closed."""
    lake.close()
    write_files(lake.config, "AB")
    assert len(list_files(lake.config)) == 2
    return lake.config


def test_an_old_catalog_put_back_is_refused_until_it_is_adopted(
    config: Settings, bullion: Bullion
) -> None:
    backup = copy_catalog(config, "backup.sqlite")
    write_files(config, "CDEFGHIJ")
    newest = copy_catalog(config, "newest.sqlite")
    put_back(backup, config)
    assert_refused(config, "lacks snapshot .* it is an old catalog")
    code, _, err = bullion("adopt")
    assert code == 0, err
    with Lake() as lake:
        # What was written since the backup stays until a person removes it.
        assert compact(lake, readers=NOW).unproven == 8
        replace_series(lake, list_symbols(), "2", source="k")
        assert count_versions(lake) == {"1": 2 * len(list_symbols()), "2": len(list_symbols())}
        assert verify(lake).problems == []
    put_back(newest, config)
    assert_refused(config, "belong to another lake")


def test_a_copy_of_a_catalog_that_went_on_is_refused(config: Settings) -> None:
    copy = copy_catalog(config, "test.sqlite")
    write_files(config, "CD")
    assert_refused(copy, "lacks snapshot")
    # Also when it is the only one that is left, and when it was opened before.
    with Lake(copy) as opened:
        catalog_file(config).unlink()
        with pytest.raises(LakeError, match="lacks snapshot"):
            replace_series(opened, list_symbols())


def test_a_copy_to_which_nothing_happened_is_refused_beside_its_original(config: Settings) -> None:
    copy = copy_catalog(config, "test.sqlite")
    assert_refused(copy, f"is a copy of {catalog_file(config)}")
    write_files(config, "C")
    with Lake(config) as lake:
        assert verify(lake).problems == []


@pytest.mark.parametrize("place_left", ["nothing", "another file", "another lake"])
def test_a_catalog_that_was_moved_goes_on(config: Settings, place_left: str) -> None:
    moved = copy_catalog(config, "moved.sqlite")
    catalog_file(config).unlink()
    if place_left == "another file":
        catalog_file(config).write_text("notes")
    elif place_left == "another lake":
        Lake(Settings(lake_catalog=config.lake_catalog, lake_data=f"{config.lake_data}2")).close()
    for name in "CD":
        write_files(moved, name)
    with Lake(moved) as lake:
        compact(lake)
        assert verify(lake).problems == []
        mark = read_mark(lake.store)
        assert mark is not None
        assert mark.catalog is not None
        assert mark.catalog.name == str(catalog_file(moved))


def test_a_second_name_of_the_same_file_is_the_same_catalog(config: Settings) -> None:
    link = catalog_file(config).with_name("link.sqlite")
    os.link(catalog_file(config), link)
    write_files(Settings(lake_catalog=f"sqlite:{link}", lake_data=config.lake_data), "C")
    write_files(config, "D")


def test_a_copy_of_the_folder_with_its_catalog_is_a_lake_of_its_own(
    config: Settings, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(catalog_file(config).parent, tmp_path / "whole_copy"))
    copy = Settings(lake_catalog=f"sqlite:{place}/catalog.sqlite", lake_data=f"{place}/files")
    for name in "CD":
        write_files(config, name)
        write_files(copy, name)


def test_of_two_histories_of_one_length_the_marked_one_goes_on(config: Settings) -> None:
    backup = copy_catalog(config, "backup.sqlite")
    write_files(config, "C")
    own = copy_catalog(config, "own.sqlite")
    mark = Path(config.lake_data, MARK).read_text()
    put_back(backup, config)
    Path(config.lake_data, MARK).unlink()  # else it could not write
    write_files(config, "D")
    Path(config.lake_data, MARK).write_text(mark)
    assert_refused(config, "lacks snapshot")
    put_back(own, config)
    write_files(config, "E")


# -- a mark that is behind its own catalog


def test_a_lake_whose_writer_was_killed_before_it_wrote_the_mark_goes_on(
    config: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mark = Path(config.lake_data, MARK).read_text()
    for name in "CD":
        write_files(config, name)
        Path(config.lake_data, MARK).write_text(mark)

    def fail(self: FolderStore, path: str, content: bytes) -> None:
        raise LakeError(f"{path} cannot lie there")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(FolderStore, "write", fail)
        write_files(config, "E")  # is committed all the same
    assert "mark is behind the catalog: bullion-lake.json cannot lie there" in caplog.text
    write_files(config, "F")
    with Lake(config) as lake:
        assert lake.rows("SELECT count(*) FROM silver.series") == [(6 * len(list_symbols()),)]
        later = read_mark(lake.store)
        assert later is not None
        assert later.newest is not None
        assert later.newest.number == lake.snapshot


def test_a_writer_killed_between_commit_and_mark_locks_nobody_out(lake: Lake, jobs: Jobs) -> None:
    before = replace_series(lake, list_symbols())
    job = jobs.start("stop_before_the_mark")
    job.said("committed")
    job.kill()
    mark = read_mark(lake.store)
    assert mark is not None
    assert mark.newest is not None
    assert (mark.newest.number, lake.snapshot) == (before, before + 1)
    replace_series(lake, list_symbols(), source="t")
    assert verify(lake).problems == []


def test_the_marked_snapshot_may_have_expired(config: Settings) -> None:
    mark = Path(config.lake_data, MARK).read_text()
    write_files(config, "C")
    with Lake(config) as lake:
        assert compact(lake, keep=NOW).expired > 0
        numbers = [number for (number,) in lake.rows("SELECT snapshot_id FROM lake.snapshots()")]
        assert json.loads(mark)["snapshot"] < min(numbers)
    Path(config.lake_data, MARK).write_text(mark)
    write_files(config, "D")


def test_a_mark_of_an_older_release_is_filled_in_at_the_next_commit(config: Settings) -> None:
    path = Path(config.lake_data, MARK)
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({name: fields[name] for name in ("lake", "since", "about")}))
    backup = copy_catalog(config, "backup.sqlite")
    write_files(config, "C")
    filled = json.loads(path.read_text())
    assert (filled["lake"], filled["since"]) == (fields["lake"], fields["since"])
    assert filled["snapshot"] == fields["snapshot"] + 1
    assert_refused(backup, "lacks snapshot")


def test_adopting_the_own_folder_changes_nothing(config: Settings) -> None:
    with Lake(config) as lake:
        mark_earlier(lake)
    mark = Path(config.lake_data, MARK).read_text()
    Lake(config, adopt=True).close()
    assert Path(config.lake_data, MARK).read_text() == mark
