"""State between runs: where it lies, who may read it, and that it is whole."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from pipelines.core.errors import CannotWrite, SourceError
from pipelines.core.settings import ROOT
from pipelines.core.state_folder import open_state, state_folder

SCHEMA = "CREATE TABLE IF NOT EXISTS notes (text TEXT)"


def notes() -> list[str]:
    with open_state("notes.sqlite", SCHEMA) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes")]


def add(text: str) -> None:
    with open_state("notes.sqlite", SCHEMA) as connection:
        connection.execute("INSERT INTO notes VALUES (?)", [text])


def _add_and_fail(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO notes VALUES ('b')")
    connection.execute("INSERT INTO nowhere VALUES (1)")


def test_it_lies_beside_the_catalog_or_where_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state_folder() == tmp_path / "lake"
    monkeypatch.setenv("BULLION_LAKE_CATALOG", "postgres:dbname=x")
    assert state_folder() == ROOT / "data_lake"
    monkeypatch.setenv("BULLION_STATE", str(tmp_path / "state"))
    assert state_folder() == tmp_path / "state"


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        add("a")
        path = tmp_path / "lake" / "notes.sqlite"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
        with open_state("notes.sqlite", SCHEMA) as connection:
            connection.execute("INSERT INTO notes VALUES ('b')")
            modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("notes*")}
        assert modes == {0o600}  # the journal's, too
    finally:
        os.umask(old)


def test_a_block_that_fails_leaves_nothing() -> None:
    add("a")
    with pytest.raises(CannotWrite), open_state("notes.sqlite", SCHEMA) as connection:
        _add_and_fail(connection)
    assert notes() == ["a"]


def test_what_cannot_be_used_is_said_with_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    folder.mkdir()
    (folder / "notes.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(CannotWrite, match=r"notes.sqlite cannot be used") as caught:
        notes()
    assert "BULLION_STATE" in caught.value.hint
    (folder / "notes.sqlite").unlink()
    (folder / "notes.sqlite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="no regular file"):
        notes()
    assert not (tmp_path / "elsewhere").exists()
