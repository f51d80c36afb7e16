"""Where small things are kept between runs that are no rows of the lake: quotas, marks of feeds.

They lie beside the catalog, where it is a file, or in the folder that BULLION_STATE names. All
workers of one lake must see the same folder, on a disk of this machine: SQLite's locks do not
hold on a network's.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipelines.core.errors import CannotWrite, SourceError
from pipelines.core.settings import ROOT, settings

SETTING = "BULLION_STATE"
WAIT = 30.0  # seconds for another process that writes
OWNER_ONLY = 0o600
_creating = threading.Lock()


def state_folder() -> Path:
    """Return the folder of the state, which need not exist."""
    config = settings()
    if config.state:
        return Path(config.state).expanduser()
    kind, _, place = config.lake_catalog.partition(":")
    return Path(place).expanduser().parent if kind == "sqlite" else ROOT / "data_lake"


@contextmanager
def open_state(name: str, schema: str) -> Iterator[sqlite3.Connection]:
    """Open a SQLite file of the state for one transaction, which takes its turn; or create it.

    What is done in the block is kept, also over a kill -9, or undone where the block raises.
    """
    path = state_folder() / name
    try:
        _create(path)
        with closing(sqlite3.connect(path, timeout=WAIT, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(schema)
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        raise CannotWrite(
            f"{path} cannot be used: {error}",
            f"check its permissions and the space on its disk, or name another folder in {SETTING};"
            " a file that is damaged may be removed, and is made anew",
        ) from error


def _create(path: Path) -> None:
    """Create an empty file that only its owner can read.

    A file that is there is not opened: to close it again would drop the locks that SQLite holds
    on it in this process.
    """
    with _creating:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
        except FileExistsError:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                raise SourceError(
                    f"{path} is no regular file", "take it away, and it is made anew"
                ) from None
            if stat.S_IMODE(status.st_mode) & ~OWNER_ONLY:
                path.chmod(OWNER_ONLY)
