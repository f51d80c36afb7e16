"""uvicorn's protocols with limits: on a request's time and headers, and on WebSockets that end."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from serving.http.errors import error_response
from serving.http.unread import UnreadAnswers
from serving.settings import Settings

LINGER = 1.0  # seconds that a client has to read what is left, once it was dropped


class ClosingWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which also closes the connection of a client that no longer reads.

    It logs only what goes wrong: a line for each client that comes would drown the rest.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = logging.getLogger("bullion.sockets")

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(LINGER, self.transport.abort)


def late_answer(settings: Settings) -> bytes:
    """Return the answer to a request that came too slowly."""
    return _closing_answer(
        HTTPStatus.REQUEST_TIMEOUT,
        "the request did not arrive in time",
        f"send its headers within {settings.header_seconds:g} seconds, and its body within "
        f"{settings.body_seconds:g} more",
    )


def long_headers_answer(settings: Settings) -> bytes:
    """Return the answer to a request whose headers are too long."""
    return _closing_answer(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"the address and headers have more than {settings.header_bytes:,} bytes",
        "send fewer or shorter ones",
    )


def _closing_answer(status: HTTPStatus, message: str, hint: str) -> bytes:
    """Return an error in the one shape, as it is sent before the connection is closed."""
    kind = status.phrase.lower().replace(" ", "_")
    answer = error_response(status, kind, message, hint, headers={"connection": "close"})
    head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + head + b"\r\n" + answer.body


def limited_http(settings: Settings, unread: UnreadAnswers) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol of HTTP with the limits of these settings."""

    late, long_headers = late_answer(settings), long_headers_answer(settings)

    class Limited(HttpToolsProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._timer: asyncio.TimerHandle | None = None
            self._sending: asyncio.TimerHandle | None = None
            self._header_bytes = 0  # bytes of headers so far
            self._in_headers = False  # headers are under way

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._start_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            self._stop_sending()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            unread.transports.add(self.transport)
            self._await_reader()

        def resume_writing(self) -> None:
            self._stop_sending()
            super().resume_writing()

        def _await_reader(self) -> None:
            size = self.transport.get_write_buffer_size()
            self._sending = self.loop.call_later(settings.unread_seconds, self._end_sending, size)

        def _end_sending(self, size: int) -> None:
            """Hang up on a client that has read nothing since the last look."""
            if self.transport.get_write_buffer_size() < size:
                self._await_reader()
            else:
                self.transport.abort()

        def _stop_sending(self) -> None:
            unread.transports.discard(self.transport)
            if self._sending is not None:
                self._sending.cancel()
                self._sending = None

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._in_headers:
                self._header_bytes += len(data)
                if self._header_bytes > settings.header_bytes:
                    self._refuse(long_headers)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._start_headers()

        def on_headers_complete(self) -> None:
            self._stop_timer()
            size = len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers)
            if size > settings.header_bytes:
                self._refuse(long_headers)
            else:
                super().on_headers_complete()
                self._await_body()

        def on_message_complete(self) -> None:
            self._stop_timer()
            super().on_message_complete()

        def _await_body(self) -> None:
            self._timer = self.loop.call_later(settings.body_seconds, self._end_body)

        def _end_body(self) -> None:
            """Hang up on a body that is late, unless it is the API that has paused reading it."""
            if self.flow.read_paused:
                self._await_body()
            elif self.cycle.response_started:
                self.transport.close()
            else:
                self._refuse(late)

        def _start_headers(self) -> None:
            self._stop_timer()
            self._in_headers, self._header_bytes = True, 0
            self._timer = self.loop.call_later(settings.header_seconds, self._refuse, late)

        def _stop_timer(self) -> None:
            self._in_headers = False
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _refuse(self, answer: bytes) -> None:
            self._stop_timer()
            if not self.transport.is_closing():
                self.transport.write(answer)
                self.transport.close()

    return Limited


def options(settings: Settings, unread: UnreadAnswers) -> dict[str, Any]:
    """Return the options of uvicorn for the API."""
    return {
        "host": settings.host,
        "port": settings.port,
        "http": limited_http(settings, unread),
        "ws": ClosingWebSocket,
        "ws_max_size": 1024,  # nothing that a listener sends is read
        "ws_per_message_deflate": False,
        "access_log": False,  # /metrics counts them
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": 15,
        "timeout_graceful_shutdown": 5,
    }
