"""The lake as the API reads it: read-only, and opened anew where it was lost or replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import duckdb
import pyarrow as pa

from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.core.settings import Settings, settings
from pipelines.forecasts.tables import FEATURE_TABLES
from pipelines.lake import Lake, View

# What goes wrong when the lake is read, besides what pipelines.lake has words for.
READ_ERRORS = (duckdb.Error, pa.ArrowException, OSError)


def as_lake_error(error: Exception) -> LakeError:
    """Return one of READ_ERRORS as an error that can be answered; the log has the rest."""
    message = f"the lake cannot be read: {type(error).__name__}"
    return LakeError(message, "see the API's log", message)


class Reader:
    """Opens the lake when it is first asked; while there is none, every request tries again.

    An API has one reader for all its requests: each lake that is open takes time and memory.
    """

    def __init__(self) -> None:
        self._config = settings()
        self._lock = Lock()
        self._lake: Lake | None = None
        self.catalog_file: tuple[int, int] | None = None  # device and inode, where it is a file

    def lake(self) -> Lake:
        """Return the open lake; open it where it is not, or where its catalog was replaced."""
        with self._lock:
            if self._lake is not None and self.catalog_file != _catalog_file(self._lake):
                self._lake = None  # the catalog is another file: it was restored, or made again
            if self._lake is None:
                self._lake = _open(self._config)
                self.catalog_file = _catalog_file(self._lake)
            return self._lake

    @contextmanager
    def view(self, *, checked: bool = False) -> Iterator[View]:
        """Open a view of the newest snapshot; after a failure the next one opens the lake anew.

        What is scored is read from a `checked` view, which refuses damaged files. Those of a
        bucket are not checked: the image of the API has no S3 client but DuckDB's.
        """
        try:
            lake = self.lake()
            with lake.view(checked=checked and not lake.store.remote) as view:
                yield view
        except LakeError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the lake; the next request opens it with whatever layout it has then.

        It closes with the last view of it: to close it here would break the requests of others.
        """
        with self._lock:
            self._lake = None


def _open(config: Settings) -> Lake:
    try:
        lake = Lake(config, read_only=True, feature_tables=FEATURE_TABLES)
    except InvalidRequest as error:  # of this machine's settings, and no fault of the caller's
        raise LakeError(error.message, error.hint) from error
    with lake.view(checked=False) as view:
        # The event loop needs a core more than any of these queries does.
        view.connection.execute("SET threads TO 1")
    return lake


def _catalog_file(lake: Lake) -> tuple[int, int] | None:
    """Return which file the catalog is; None where it is no file, or is gone."""
    if lake.kind != "sqlite":
        return None
    try:
        status = Path(lake.target).stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
