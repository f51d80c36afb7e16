"""HTTP/1.1 by uvicorn with requests that must come soon, and headers that stay small; WebSockets
that end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from serving.settings import Settings

LINGER = 1.0  # seconds that a client has to read what is left, once it was dropped


class Ending(WebSocketsSansIOProtocol):
    """uvicorn's protocol, but that a client which reads no more keeps no connection.

    It logs only what goes wrong: a line for each client that comes would drown the rest.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = self.conn.logger = logging.getLogger("bullion.sockets")

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(LINGER, self.transport.abort)


def limited(settings: Settings) -> type[asyncio.Protocol]:
    """uvicorn's protocol, with the limits of these settings."""

    class Limited(HttpToolsProtocol):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._waiting: asyncio.TimerHandle | None = None
            self._came = 0  # bytes of headers so far
            self._open = False  # headers are under way

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._begin()

        def connection_lost(self, exc: Exception | None) -> None:
            self._done()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._open:
                self._came += len(data)
                if self._came > settings.header_bytes:
                    self._refuse(b"431 Request Header Fields Too Large")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._begin()

        def on_headers_complete(self) -> None:
            self._done()
            size = len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers)
            if size > settings.header_bytes:
                self._refuse(b"431 Request Header Fields Too Large")
            else:
                super().on_headers_complete()
                self._await_body()

        def on_message_complete(self) -> None:
            self._done()
            super().on_message_complete()

        def _await_body(self) -> None:
            self._waiting = self.loop.call_later(settings.body_seconds, self._end_body)

        def _end_body(self) -> None:
            """Hang up on a body that is not there in time, unless it is we who do not read on."""
            if self.flow.read_paused:
                self._await_body()
            elif self.cycle.response_started:
                self.transport.close()
            else:
                self._refuse(b"408 Request Timeout")

        def _begin(self) -> None:
            self._done()
            self._open, self._came = True, 0
            self._waiting = self.loop.call_later(
                settings.header_seconds, self._refuse, b"408 Request Timeout"
            )

        def _done(self) -> None:
            self._open = False
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _refuse(self, status: bytes) -> None:
            self._done()
            if not self.transport.is_closing():
                self.transport.write(
                    b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
                self.transport.close()

    return Limited


def options(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves the API."""
    return {
        "host": settings.host,
        "port": settings.port,
        "http": limited(settings),
        "ws": Ending,
        "ws_max_size": 1024,  # nothing that a listener says is looked at
        "ws_per_message_deflate": False,
        "access_log": False,  # /metrics counts them
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": 15,
        "timeout_graceful_shutdown": 5,
    }
