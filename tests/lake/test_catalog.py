"""The catalog that the setting names: a lake, nothing yet, or something else."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from pipelines.core.errors import BullionError, InvalidRequest, LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.catalog import has_old_readers, parse_catalog
from tests.lake.catalog_file import catalog_file, list_layouts
from tests.lake_rows import replace_series


def test_a_setting_of_an_unknown_kind_says_how_to_write_one() -> None:
    with pytest.raises(InvalidRequest, match="no catalog") as caught:
        Lake(Settings(lake_catalog="mysql:x"))
    assert "sqlite:PATH" in caught.value.hint


def test_a_catalog_of_another_ducklake_format_is_refused(lake_settings: Settings) -> None:
    Lake().close()
    with closing(sqlite3.connect(catalog_file(lake_settings))) as file, file:
        file.execute("UPDATE ducklake_metadata SET value = '99' WHERE key = 'version'")
    for read_only in (False, True):
        with pytest.raises(LakeError, match="format") as caught:
            Lake(read_only=read_only)
        assert str(catalog_file(lake_settings)) in caught.value.message
        assert "requirements.txt" in caught.value.hint


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("kind", ["text", "sqlite", "folder"])
def test_a_file_that_is_no_lake_is_refused_and_not_touched(
    lake_settings: Settings, kind: str, read_only: bool
) -> None:
    path = catalog_file(lake_settings)
    path.parent.mkdir(parents=True)
    if kind == "text":
        path.write_text("these are my notes " * 500)
    elif kind == "folder":
        path.mkdir()
    else:
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("CREATE TABLE notes (note)")
    before = None if kind == "folder" else path.read_bytes()
    with pytest.raises(BullionError, match=str(path)) as caught:
        Lake(read_only=read_only)
    assert caught.value.hint
    assert kind == "folder" or path.read_bytes() == before


def test_an_empty_file_becomes_a_lake(lake_settings: Settings) -> None:
    catalog_file(lake_settings).parent.mkdir(parents=True)
    catalog_file(lake_settings).touch()
    with Lake() as lake:
        assert list_layouts(lake)


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("sqlite:/a/c.sqlite", ("sqlite", "/a/c.sqlite")),
        ("postgres:dbname=x host=h", ("postgres", "dbname=x host=h")),
        ("postgresql://h/x", ("postgres", "postgresql://h/x")),
    ],
)
def test_a_setting_has_a_kind_and_a_target(setting: str, parts: tuple[str, str]) -> None:
    assert parse_catalog(setting) == parts


@pytest.mark.parametrize("setting", ["", "sqlite:", "sqlite::memory:", "x:password=geheim"])
def test_a_setting_that_names_no_catalog_is_refused_without_its_password(setting: str) -> None:
    with pytest.raises(InvalidRequest, match="is no catalog") as caught:
        parse_catalog(setting)
    assert "geheim" not in caught.value.message


def test_a_reader_at_an_older_state_is_noticed_until_it_ends(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.lake.catalog.READERS_WAIT_MS", 50)
    with Lake(read_only=True) as reader, reader.view() as view:
        view.rows("FROM silver.series")
        replace_series(lake, ["A"])
        assert has_old_readers(lake.kind, lake.target)
    assert not has_old_readers(lake.kind, lake.target)
