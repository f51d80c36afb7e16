"""Bounds on the bodies of requests: on each of them, and on all together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Receive

from serving.schemas.errors import Busy, TooLarge
from serving.settings import Settings


class Bodies:
    """Counts the bytes of all bodies in memory, each until its request is answered."""

    def __init__(self, settings: Settings) -> None:
        self.largest, self._most = settings.body_bytes, settings.bodies_bytes
        self.held = self.gone = 0

    @property
    def too_large(self) -> TooLarge:
        """The error for a body that is larger than allowed."""
        return TooLarge(
            f"the body is larger than {self.largest} bytes", "send it in smaller pieces"
        )

    @contextmanager
    def counted(self, receive: Receive) -> Iterator[Receive]:
        """Count the body of a request as it comes, and refuse what exceeds either bound."""
        size = 0

        async def receive_counted() -> Message:
            nonlocal size
            message = await receive()
            length = len(message.get("body", b""))
            size += length
            self.held += length
            if size > self.largest:
                raise self.too_large
            if self.held > self._most:
                raise Busy(f"bodies of more than {self._most} bytes are being read", "ask again", 1)
            return message

        try:
            yield receive_counted
        finally:
            self.held -= size
            self.gone += size
