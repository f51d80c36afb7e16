"""A bound on one kind of work: a few requests do it, some wait, the rest are refused at once."""

from __future__ import annotations

from asyncio import Semaphore
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.schemas.errors import Busy


class Turns:
    """The turns at one kind of work.

    A request that is refused is told at once and may come again; one that waited behind hundreds
    would have given up before its turn came.
    """

    def __init__(self, work: str, at_once: int, waiting: int) -> None:
        self._work, self._free = work, Semaphore(at_once)
        self._waiting, self._most = 0, waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it for as long as the block lasts."""
        if self._free.locked() and self._waiting >= self._most:
            raise Busy(f"{self._work} is busy, and {self._waiting} requests wait", "ask again", 1)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
