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
from pipelines.lake import Lake, View


def made_up(source: str) -> bool:
    """Whether a source's data are no market's.

    Told by the name: the adapters, which know it too, would bring pandas and SciPy along.
    """
    return source.startswith("sample")


# What goes wrong when the lake is read, besides what pipelines.lake has words for.
BROKEN = (duckdb.Error, pa.ArrowException, OSError)


def broken(error: Exception) -> LakeError:
    """The same in the one shape; the log has the rest."""
    message = f"the lake cannot be read: {type(error).__name__}"
    return LakeError(message, "see the API's log", message)


class Reader:
    """Opens the lake when it is first asked; while there is none, every request tries again.

    An API has one for all that it asks: each lake that is open takes its time and its memory.
    """

    def __init__(self) -> None:
        self._config = settings()
        self._turn = Lock()
        self._lake: Lake | None = None
        self._file: tuple[int, int] | None = None

    def lake(self) -> Lake:
        with self._turn:
            if self._lake is not None and self._file != _file(self._lake):
                self._lake = None  # the catalog is another file: it was restored, or made again
            if self._lake is None:
                self._lake = _opened(self._config)
                self._file = _file(self._lake)
            return self._lake

    @contextmanager
    def view(self, *, checked: bool = False) -> Iterator[View]:
        """The newest snapshot; after a failure of the lake the next look opens it anew.

        What is scored is read from a `checked` one, which refuses damaged files.
        """
        try:
            with self.lake().view(checked=checked) as view:
                yield view
        except LakeError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it; the next who asks opens it with whatever layout it has then.

        It closes with the last view of it: to close it here would break what others ask.
        """
        with self._turn:
            self._lake = None


def _opened(config: Settings) -> Lake:
    try:
        lake = Lake(config, read_only=True)
    except InvalidRequest as error:  # of this machine's settings, and no fault of who asks
        raise LakeError(error.message, error.hint) from error
    with lake.view(checked=False) as view:
        # The event loop needs a core more than any of these queries does.
        view.connection.execute("SET threads TO 1")
    return lake


def _file(lake: Lake) -> tuple[int, int] | None:
    """Which file the catalog is; None where it is none, or is gone."""
    if lake.kind != "sqlite":
        return None
    try:
        found = Path(lake.target).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
