"""One reader serves all requests: closing it breaks no open view."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.core.errors import LakeError
from serving.state.reader import Reader
from tests.serving.process import environment_of


@pytest.fixture
def reader(scored_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    for name, value in environment_of(scored_folder, 8000).items():
        monkeypatch.setenv(name, value)
    return Reader()


def test_an_open_view_outlives_the_close_of_its_reader(reader: Reader) -> None:
    with reader.view() as view:
        count = view.one("SELECT count(*) FROM gold.predictions")
        with pytest.raises(LakeError), reader.view():
            raise LakeError("a file of the lake is missing")  # raised in another request meanwhile
        assert view.one("SELECT count(*) FROM gold.predictions") == count > 0


def test_after_a_failure_the_lake_is_opened_anew(reader: Reader) -> None:
    first = reader.lake()
    assert reader.lake() is first
    reader.close()
    assert reader.lake() is not first


def test_a_replaced_catalog_is_read(
    scored_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(scored_folder, tmp_path / "lake")
    for name, value in environment_of(tmp_path / "lake", 8000).items():
        monkeypatch.setenv(name, value)
    reader = Reader()
    first = reader.lake()
    shutil.copy(scored_folder / "catalog.sqlite", tmp_path / "other")
    (tmp_path / "other").rename(tmp_path / "lake" / "catalog.sqlite")
    assert reader.lake() is not first
