"""A database is copied whole while it is written to, and comes back as it was."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.backup import databases
from pipelines.backup.databases import dump_database, has_tables, load_database
from pipelines.core.errors import LakeError, MissingLibrary


def create(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbers (number INTEGER)")
    connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(1000)])
    connection.commit()
    return connection


def test_a_database_is_copied_beside_an_open_transaction(tmp_path: Path) -> None:
    with closing(create(tmp_path / "one.sqlite")) as connection:
        connection.execute("INSERT INTO numbers VALUES (-1)")  # and no commit
        content = dump_database("sqlite", str(tmp_path / "one.sqlite"))
    copy = tmp_path / "deep" / "two.sqlite"
    assert not has_tables("sqlite", str(copy))
    load_database("sqlite", str(copy), content)
    assert has_tables("sqlite", str(copy))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*), min(number) FROM numbers").fetchall() == [
            (1000, 0)
        ]
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database" * 100)
    with pytest.raises(LakeError, match="cannot copy the database"):
        dump_database("sqlite", str(tmp_path / "text"))


def test_a_password_is_not_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LakeError) as caught:
        has_tables("postgres", "host=127.0.0.1 port=1 dbname=lake user=u password=secret-word")
    assert "secret-word" not in str(caught.value)


def test_a_missing_client_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(databases, "POSTGRES_PROGRAMS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingLibrary, match="pg_dump is not installed") as caught:
        dump_database("postgres", "dbname=lake")
    assert caught.value.hint
