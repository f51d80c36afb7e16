"""A data folder belongs to one catalog, and a compaction removes no file of another."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import lake as _commands  # noqa: F401
from pipelines.cli.app import app
from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.lake.folder_owner import KEY, MARK, read_mark
from pipelines.lake.verification import verify
from tests.lake.catalog_file import catalog_file
from tests.lake.leftovers import HOUR, leave_file, mark_earlier
from tests.lake_rows import count_versions, list_symbols, replace_series, series

NOW = timedelta(0)


def files(config: Settings) -> set[Path]:
    return set(Path(config.lake_data).rglob("*.parquet"))


def another_catalog(config: Settings, name: str) -> Settings:
    """Settings of another catalog over the same data folder."""
    place = catalog_file(config).with_name(f"{name}.sqlite")
    return Settings(lake_catalog=f"sqlite:{place}", lake_data=config.lake_data)


def remove_mark(config: Settings) -> None:
    """Make the lake one from before there were marks."""
    Path(config.lake_data, MARK).unlink()
    with closing(sqlite3.connect(catalog_file(config))) as connection, connection:
        connection.execute("DELETE FROM ducklake_metadata WHERE key = ?", [KEY])


@pytest.fixture
def config(lake: Lake) -> Settings:
    """A lake with two files, closed."""
    replace_series(lake, list_symbols("A"), source="a")
    replace_series(lake, list_symbols("B"), source="b")
    lake.close()
    assert len(files(lake.config)) == 2
    return lake.config


# -- another catalog over the same folder


def test_another_catalog_is_refused_and_removes_nothing(config: Settings, tmp_path: Path) -> None:
    other_lake = Settings(
        lake_catalog=f"sqlite:{tmp_path}/other/catalog.sqlite", lake_data=f"{tmp_path}/other/files"
    )
    with Lake(other_lake) as lake:
        replace_series(lake, list_symbols())
    before = files(config)
    mistaken = Settings(lake_catalog=other_lake.lake_catalog, lake_data=config.lake_data)
    with Lake(mistaken) as lake, pytest.raises(LakeError, match="belong to another lake") as caught:
        compact(lake, keep=NOW, readers=NOW)
    assert "BULLION_LAKE_DATA" in caught.value.hint
    assert "bullion adopt" in caught.value.hint
    assert files(config) == before


@pytest.mark.parametrize("marked", [True, False])
def test_a_fresh_catalog_is_refused_over_the_files_of_another(
    config: Settings, marked: bool
) -> None:
    """A catalog that was deleted, or a slip in BULLION_LAKE_CATALOG."""
    if not marked:
        remove_mark(config)
    for _ in range(2):
        with pytest.raises(LakeError, match="does not know"):
            Lake(another_catalog(config, "fresh"))
    with Lake() as lake:
        replace_series(lake, list_symbols(), source="c")
        assert verify(lake).problems == []


def test_the_command_refuses_another_catalog(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(config)
    monkeypatch.setenv("BULLION_LAKE_CATALOG", another_catalog(config, "fresh").lake_catalog)
    run = CliRunner().invoke(app, ["ingest", "--symbols", "AAPL"])
    assert isinstance(run.exception, LakeError)
    run = CliRunner().invoke(app, ["compact", "--keep-days", "0"])
    assert isinstance(run.exception, LakeError)
    assert files(config) == before


def test_a_catalog_whose_folder_is_elsewhere_is_refused(config: Settings, tmp_path: Path) -> None:
    elsewhere = Settings(lake_catalog=config.lake_catalog, lake_data=f"{tmp_path}/elsewhere")
    with Lake(elsewhere) as lake, pytest.raises(LakeError, match="none of the files"):
        replace_series(lake, list_symbols())
    assert not Path(elsewhere.lake_data).exists()


def test_adopting_a_folder_takes_it_from_the_other_catalog(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(config)
    monkeypatch.setenv("BULLION_LAKE_CATALOG", another_catalog(config, "fresh").lake_catalog)
    run = CliRunner().invoke(app, ["adopt"])
    assert run.exit_code == 0, run.output
    with Lake() as lake:
        replace_series(lake, list_symbols())
        # Nothing proves whose these files are: they are removed only on request.
        report = compact(lake, keep=NOW, readers=NOW)
        assert report.unproven == len(before)
        assert "bullion compact --orphans" in report.warnings()[0]
        assert before <= files(config)
    with Lake(config) as robbed, pytest.raises(LakeError, match="belong to another lake"):
        replace_series(robbed, list_symbols())
    with Lake() as lake:
        assert compact(lake, readers=NOW, orphans=True).removed == len(before)
        assert not before & files(config)
        assert verify(lake).problems == []


# -- the same lake


def test_a_catalog_restored_from_before_the_mark_takes_its_id(config: Settings) -> None:
    mark = Path(config.lake_data, MARK).read_text()
    remove_mark(config)
    Path(config.lake_data, MARK).write_text(mark)
    for _ in range(2):
        with Lake() as lake:
            replace_series(lake, list_symbols(), source="c")
            later = read_mark(lake.store)
    before = json.loads(mark)
    assert later is not None
    assert (later.lake, later.since.isoformat()) == (before["lake"], before["since"])


def test_a_lake_that_was_moved_is_the_same_lake(config: Settings, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    catalog_file(config).parent.rename(moved)
    place = Settings(lake_catalog=f"sqlite:{moved}/catalog.sqlite", lake_data=f"{moved}/files")
    with Lake(place) as lake:
        replace_series(lake, list_symbols(), source="c")
        compact(lake)
        assert verify(lake).problems == []
        assert count_versions(lake) == {"1": 3 * len(list_symbols())}


def test_a_lake_from_before_the_marks_is_adopted_at_its_next_write(config: Settings) -> None:
    remove_mark(config)
    with Lake() as lake:
        assert read_mark(lake.store) is None
        replace_series(lake, list_symbols(), source="c")
        assert read_mark(lake.store) is not None
    with pytest.raises(LakeError, match="does not know"):
        Lake(another_catalog(config, "fresh"))


@pytest.mark.parametrize(("strangers", "refused"), [(10, False), (11, True)])
def test_a_lake_from_before_the_marks_is_refused_among_many_strange_files(
    config: Settings, strangers: int, refused: bool
) -> None:
    remove_mark(config)
    with Lake() as lake:
        for _ in range(strangers):
            leave_file(lake, HOUR)
        if refused:
            with pytest.raises(LakeError, match=f"holds {strangers} files of a lake"):
                replace_series(lake, list_symbols(), source="c")
        else:
            replace_series(lake, list_symbols(), source="c")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}"])
def test_a_damaged_mark_counts_as_none(config: Settings, content: bytes) -> None:
    Path(config.lake_data, MARK).write_bytes(content)
    with Lake() as lake:
        replace_series(lake, list_symbols(), source="c")
        assert read_mark(lake.store) is not None


# -- what no snapshot names


def test_leftovers_go_when_they_are_old_and_other_peoples_files_stay(lake: Lake) -> None:
    replace_series(lake, list_symbols())
    mark_earlier(lake)
    root = Path(lake.config.lake_data)
    old, young = leave_file(lake, 2 * HOUR), leave_file(lake, HOUR / 2)
    foreign = [
        root / "mine.parquet",
        root / "mine" / old.name,
        root / "silver" / "notes.txt",
        root / "silver" / "series" / "mine.parquet",
    ]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"PAR1")
    assert compact(lake).removed == 1
    assert not old.exists()
    assert young.exists()
    assert all(path.exists() for path in foreign)
    assert count_versions(lake) == {"1": len(list_symbols())}


def test_files_from_before_the_mark_stay_until_a_person_removes_them(lake: Lake) -> None:
    replace_series(lake, list_symbols())
    older = leave_file(lake, 2 * HOUR)
    report = compact(lake)
    assert (report.removed, report.unproven) == (0, 1)
    assert older.exists()
    run = CliRunner().invoke(app, ["compact"])
    assert "1 files that no snapshot names stay" in run.output
    run = CliRunner().invoke(app, ["compact", "--orphans"])
    assert run.exit_code == 0, run.output
    assert "stay" not in run.output
    assert not older.exists()


def write_many_files(lake: Lake, count: int) -> None:
    """Write that many files, one row group each, and let the folder be marked since yesterday."""
    with lake.write() as writer:
        for number in range(count):
            writer.append("silver.series", series(list_symbols(f"N{number}", 1001)))
    assert len(files(lake.config)) == count
    mark_earlier(lake)


@pytest.mark.parametrize(("leftovers", "removed"), [(2, 2), (3, 0)])
def test_leftovers_that_are_many_of_the_files_stay(
    lake: Lake, leftovers: int, removed: int
) -> None:
    write_many_files(lake, 8)
    paths = [leave_file(lake, 2 * HOUR) for _ in range(leftovers)]
    report = compact(lake, keep=7 * 24 * HOUR)
    assert (report.removed, report.unproven) == (removed, leftovers - removed)
    assert sum(path.exists() for path in paths) == leftovers - removed


def test_few_leftovers_that_are_most_of_the_bytes_stay(lake: Lake) -> None:
    write_many_files(lake, 60)
    for _ in range(11):
        leave_file(lake, 2 * HOUR)
    assert compact(lake, keep=7 * 24 * HOUR).unproven == 0
    leftovers = [leave_file(lake, 2 * HOUR) for _ in range(3)]
    leftovers[0].write_bytes(bytes(4 << 20))
    assert compact(lake, keep=7 * 24 * HOUR).unproven == 3
    assert all(path.exists() for path in leftovers)
