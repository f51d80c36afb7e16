"""Databases as one file: SQLite by its own online backup, PostgreSQL by pg_dump.

Both copy one consistent state while others write.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from pipelines.core.errors import LakeError, MissingLibrary
from pipelines.core.settings import redacted

POSTGRES_PROGRAMS = Path("/usr/lib/postgresql")
COPY_SQLITE = """
import sqlite3, sys
source = sqlite3.connect(sys.argv[1], timeout=60)
target = sqlite3.connect(sys.argv[2])
source.backup(target)
target.execute("PRAGMA journal_mode = DELETE")
"""


def dump_database(kind: str, target: str) -> bytes:
    """Return a database of the kind sqlite or postgres as one file."""
    with tempfile.TemporaryDirectory(prefix="bullion-backup-") as folder:
        file = Path(folder) / "dump"
        if kind == "sqlite":
            # By another process: in this one, closing the file would drop the locks of DuckDB.
            command = [sys.executable, "-c", COPY_SQLITE, target, str(file)]
        else:
            command = [
                _postgres_program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges",
                f"--file={file}", f"--dbname={target}",
            ]  # fmt: skip
        _run(command, f"cannot copy the database {redacted(target)}")
        return file.read_bytes()


def load_database(kind: str, target: str, content: bytes) -> None:
    """Write a database that `dump_database` returned, where there is none."""
    if kind == "sqlite":
        path = Path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        part.chmod(0o600)
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        part.replace(path)
        return
    with tempfile.NamedTemporaryFile(prefix="bullion-restore-") as file:
        file.write(content)
        file.flush()
        _run(
            [
                _postgres_program("pg_restore"), "--no-owner", "--no-privileges",
                "--exit-on-error", "--single-transaction", f"--dbname={target}", file.name,
            ],
            f"cannot restore the database {redacted(target)}",
        )  # fmt: skip


def has_tables(kind: str, target: str) -> bool:
    """Whether there is a database at the target that holds anything."""
    if kind == "sqlite":
        return Path(target).exists()
    import psycopg2

    try:
        with closing(psycopg2.connect(target)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.tables "
                "WHERE table_schema = current_schema()"
            )
            [(tables,)] = cursor.fetchall()
            return bool(tables)
    except psycopg2.Error as error:
        raise LakeError(
            f"the database {redacted(target)} cannot be reached: {redacted(str(error))}".strip(),
            "create it, empty, and check that the server runs",
        ) from error


def _postgres_program(name: str) -> str:
    """Return the path of a program of PostgreSQL's client, the newest that is installed."""
    installed = sorted(
        POSTGRES_PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3])
    )
    program = shutil.which(name) or (installed and str(installed[-1]))
    if not program:
        raise MissingLibrary(
            f"{name} is not installed, which copies a PostgreSQL database",
            "install PostgreSQL's client: apt-get install postgresql-client",
        )
    return str(program)


def _run(command: list[str], problem: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode:
        lines = redacted(result.stderr).strip().splitlines() or [f"exit {result.returncode}"]
        raise LakeError(f"{problem}: {lines[-1]}", "check that it can be reached, and its rights")
