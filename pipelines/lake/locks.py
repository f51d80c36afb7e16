"""Writers of a lake take turns: a file lock beside SQLite, an advisory lock in PostgreSQL."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pipelines.core.errors import LakeError
from pipelines.lake.local_paths import permission_hint

ADVISORY_KEY = 0x62756C6C  # any number, the same for every writer of a catalog


class Lock(Protocol):
    def turn(self, what: str) -> AbstractContextManager[None]:
        """Hold the only writer's turn. The system gives it back if the process dies."""
        ...


class FileTurn:
    """A turn kept by a lock on a file beside the catalog."""

    def __init__(self, catalog: Path, timeout: float) -> None:
        self._path = catalog.with_name(catalog.name + ".lock")
        self._note = catalog.with_name(catalog.name + ".writer")
        self._timeout = timeout

    @contextmanager
    def turn(self, what: str) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self._path, timeout=self._timeout, poll_interval=0.01)
        try:
            lock.acquire()
        except Timeout:
            raise _timeout_error(self._timeout, self._holder()) from None
        except OSError as error:
            raise LakeError(
                f"cannot lock {self._path}: {error}", permission_hint(self._path)
            ) from error
        try:
            self._sign(f"{what} (process {os.getpid()}, since {datetime.now(UTC):%H:%M:%S} UTC)")
            yield
        finally:
            lock.release()

    def _sign(self, line: str) -> None:
        try:
            self._note.write_text(line, "utf-8")
        except OSError:
            return  # a full disk must not hide the error of the write itself

    def _holder(self) -> str:
        try:
            return self._note.read_text("utf-8", "replace")
        except OSError:  # there is none, or it is another's: that must not hide the time-out
            return "an unknown writer"


class PostgresTurn:
    """A turn kept by an advisory lock of the catalog's database."""

    def __init__(self, target: str, timeout: float) -> None:
        self._target = target
        self._timeout = timeout

    @contextmanager
    def turn(self, what: str) -> Iterator[None]:
        import psycopg2

        connection = None
        try:
            try:
                connection = psycopg2.connect(self._target, application_name=f"bullion {what}"[:60])
                self._acquire(connection)
            except psycopg2.Error as error:
                raise LakeError(
                    f"the catalog's PostgreSQL cannot be reached: {error}".strip(),
                    "check BULLION_LAKE_CATALOG and that the server runs",
                ) from error
            yield
        finally:
            if connection is not None:
                connection.close()  # ends the session, and with it the lock

    def _acquire(self, connection: Any) -> None:
        connection.autocommit = True
        deadline = time.monotonic() + self._timeout
        with connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", (ADVISORY_KEY,))
                if cursor.fetchone()[0]:
                    return
                if time.monotonic() > deadline:
                    raise _timeout_error(self._timeout, self._holder(cursor))
                time.sleep(0.01)

    @staticmethod
    def _holder(cursor: Any) -> str:
        cursor.execute(
            "SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.objid = %s",
            (ADVISORY_KEY,),
        )
        row = cursor.fetchone()
        return f"{row[0]} (backend {row[1]})" if row else "an unknown writer"


def _timeout_error(seconds: float, holder: str) -> LakeError:
    return LakeError(
        f"waited {seconds:g} s for a turn to write; the lake is held by {holder}",
        "wait for it, stop it, or raise BULLION_LAKE_LOCK_TIMEOUT",
    )


def lock_for(kind: str, target: str, timeout: float) -> Lock:
    """Return the lock by which the writers of a catalog take turns."""
    if kind == "sqlite":
        return FileTurn(Path(target), timeout)
    return PostgresTurn(target, timeout)
