"""The bodies of requests: how large one may be, and all together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Receive

from serving.schemas.errors import Busy, TooLarge
from serving.settings import Settings


class Bodies:
    """The bytes of all bodies that are held, each of them until its request is answered."""

    def __init__(self, settings: Settings) -> None:
        self.largest, self._most = settings.body_bytes, settings.bodies_bytes
        self.held = self.gone = 0

    @property
    def too_large(self) -> TooLarge:
        """The refusal of a body that is larger than one may be."""
        return TooLarge(
            f"the body is larger than {self.largest} bytes", "send it in smaller pieces"
        )

    @contextmanager
    def counted(self, receive: Receive) -> Iterator[Receive]:
        """Count what a request receives, and refuse what exceeds either bound."""
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
