"""A bound on answers that clients have not read yet, each and all together."""

from __future__ import annotations

from asyncio import Transport

from serving.schemas.errors import Busy
from serving.settings import Settings


class UnreadAnswers:
    """The connections whose clients are behind with reading, and the bytes that wait for them."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.unread_bytes
        self.transports = set[Transport]()

    def check(self) -> None:
        """Refuse to compute a large answer while too much of others is still unread."""
        if sum(transport.get_write_buffer_size() for transport in self.transports) > self._limit:
            raise Busy(
                f"other clients have not yet read {self._limit} bytes of answers", "ask again", 1
            )
