"""The lake as the API reads it: read-only, and opened anew where it was lost or replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request

from pipelines.errors import LakeError
from pipelines.lake import Lake, View
from pipelines.settings import settings


def made_up(source: str) -> bool:
    """Whether a source's data are no market's.

    Told by the name: the adapters, which know it too, would bring pandas and SciPy along.
    """
    return source.startswith("sample")


class Reader:
    """Opens the lake when it is first asked; while there is none, every request tries again."""

    def __init__(self) -> None:
        self._config = settings()
        self._turn = Lock()
        self._lake: Lake | None = None
        self._file: tuple[int, int] | None = None

    def lake(self) -> Lake:
        with self._turn:
            if self._lake is not None and self._file != _file(self._lake):
                self._drop()  # the catalog is another file: it was restored, or made again
            if self._lake is None:
                self._lake = Lake(self._config, read_only=True)
                self._file = _file(self._lake)
            return self._lake

    def close(self) -> None:
        """Let go of it; the next who asks opens it with whatever layout it has then."""
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        if self._lake is not None:
            self._lake.close()  # views that are open keep it until they are done
        self._lake = None


def _file(lake: Lake) -> tuple[int, int] | None:
    """Which file the catalog is; None where it is none, or is gone."""
    if lake.kind != "sqlite":
        return None
    try:
        found = Path(lake.target).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _newest(request: Request) -> Iterator[View]:
    reader: Reader = request.app.state.reader
    try:
        with reader.lake().view() as view:
            yield view
    except LakeError:
        reader.close()
        raise


Newest = Annotated[View, Depends(_newest)]
"""One snapshot for the whole of a request: the newest."""
