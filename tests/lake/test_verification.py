"""Verifying a lake finds every damaged file, and every damaged page of its catalog."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
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
from pipelines.lake.verification import verify
from tests.busy_lake import files, fill_with_deletes, find_damage


@pytest.fixture
def full(lake: Lake) -> Lake:
    fill_with_deletes(lake)
    return lake


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with data and delete files; every test leaves it as it was."""
    folder = tmp_path_factory.mktemp("sound")
    config = Settings(
        lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=str(folder / "files")
    )
    with Lake(config) as lake:
        fill_with_deletes(lake)
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
        assert find_damage(sound) == [(path, "is damaged: it is not what was committed")]
    finally:
        file.write_bytes(whole)


def test_every_file_is_looked_at_whole(sound: Lake) -> None:
    for path, file in files(sound).items():
        whole = file.read_bytes()
        for edit in (whole[:-1], whole + b"\0", b"", bytes([whole[0] ^ 1]) + whole[1:]):
            file.write_bytes(edit)
            assert [found for found, _ in find_damage(sound)] == [path]
        file.unlink()
        assert find_damage(sound) == [(path, "is missing")]
        file.write_bytes(whole)
    assert find_damage(sound) == []


def test_a_file_without_a_checksum_is_named(full: Lake) -> None:
    path = sorted(files(full))[0]
    with full.write() as writer:
        writer.delete("meta.checksums", "path = ?", [path])
    assert find_damage(full) == [(path, "has no recorded checksum")]


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
    fill_with_deletes(lake)
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
