"""The lake as the API reads it: read-only, and opened once, by the first request."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request

from pipelines.lake import Lake, View


class Reader:
    """Opens the lake when it is first asked; while there is none, every request tries again."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._lake: Lake | None = None

    def lake(self) -> Lake:
        with self._turn:
            if self._lake is None:
                self._lake = Lake(read_only=True)
            return self._lake

    def close(self) -> None:
        with self._turn:
            if self._lake is not None:
                self._lake.close()
            self._lake = None


def _newest(request: Request) -> Iterator[View]:
    reader: Reader = request.app.state.reader
    with reader.lake().view() as view:
        yield view


Newest = Annotated[View, Depends(_newest)]
"""One snapshot for the whole of a request: the newest."""
