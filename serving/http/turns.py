"""A bound on one kind of work: a few requests do it, some wait a moment, the rest are refused."""

from __future__ import annotations

from asyncio import Semaphore, timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.schemas.errors import Busy

PATIENCE = 0.75  # seconds that a request waits for its turn


class Turns:
    """The turns at one kind of work.

    A request that is refused within a moment may come again; one that waited behind hundreds would
    have given up before its turn came.
    """

    def __init__(self, work: str, at_once: int, waiting: int, patience: float = PATIENCE) -> None:
        self._work, self._free = work, Semaphore(at_once)
        self._waiting, self._max_waiting = 0, waiting
        self._patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it for as long as the block lasts."""
        if self._free.locked() and self._waiting >= self._max_waiting:
            raise self._busy()
        self._waiting += 1
        try:
            async with timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()

    def _busy(self) -> Busy:
        return Busy(f"{self._work} is busy, and {self._waiting} requests wait", "ask again", 1)
