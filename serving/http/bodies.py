"""Bounds on the bodies of requests: on each of them, and on all together."""

from __future__ import annotations

from asyncio import Condition, timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message, Receive

from serving.http.turns import PATIENCE
from serving.schemas.errors import Busy, TooLarge
from serving.settings import Settings


class Bodies:
    """Counts the bytes of all bodies in memory, each until its request is answered.

    A body that states its length has room before any of it is read: it waits a moment for that
    unread, since the event loop can send nothing else while it reads megabytes of bodies.
    """

    def __init__(self, settings: Settings) -> None:
        self.largest, self._limit = settings.body_bytes, settings.bodies_bytes
        self.bytes_in_memory = self.bytes_released = 0
        self._released = Condition()

    @property
    def too_large(self) -> TooLarge:
        """The error for a body that is larger than allowed."""
        return TooLarge(
            f"the body is larger than {self.largest} bytes", "send it in smaller pieces"
        )

    @property
    def _busy(self) -> Busy:
        return Busy(f"bodies of more than {self._limit} bytes are being read", "ask again", 1)

    def _has_room(self, length: int) -> bool:
        return self.bytes_in_memory + length <= self._limit

    @asynccontextmanager
    async def count_body(self, receive: Receive, length: int = 0) -> AsyncIterator[Receive]:
        """Count the body of a request, of the length that it states, and refuse it beyond a bound.

        More than it states is counted as it comes.
        """
        if not self._has_room(length):
            await self._wait_for_room(length)
        size, reserved_bytes = 0, length
        self.bytes_in_memory += length

        async def receive_counted() -> Message:
            nonlocal size, reserved_bytes
            message = await receive()
            size += len(message.get("body", b""))
            self.bytes_in_memory += max(size - reserved_bytes, 0)
            reserved_bytes = max(size, reserved_bytes)
            if size > self.largest:
                raise self.too_large
            if not self._has_room(0):
                raise self._busy
            return message

        try:
            yield receive_counted
        finally:
            self.bytes_in_memory -= reserved_bytes
            self.bytes_released += size
            async with self._released:
                self._released.notify_all()

    async def _wait_for_room(self, length: int) -> None:
        if length > self._limit:
            raise self._busy
        try:
            async with timeout(PATIENCE), self._released:
                await self._released.wait_for(lambda: self._has_room(length))
        except TimeoutError:
            raise self._busy from None
