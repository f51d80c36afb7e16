"""A GET request whose answer never ends: its lines, one by one, as they come.

What counts as silence is that no whole line comes: a connection that is half open, one whose bytes
drip, and one that does not get beyond its headers are all left after the same time.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pipelines.sources.transport.addresses import hide_queries
from pipelines.sources.transport.http_client import ASK_AGAIN, Reply, seconds_to_wait
from pipelines.sources.transport.retries import Busy

MOST_BYTES = 64 << 10  # of one line, and of the answer to a refused request
LOOK_EVERY = 0.25  # seconds


class LineReader:
    """Reads the endless answers of one provider, one connection at a time."""

    def __init__(
        self,
        user_agent: str,
        silence: float,
        before_connecting: Callable[[], None] = lambda: None,
    ) -> None:
        self._user_agent = user_agent
        self._silence = silence  # seconds in which a whole line must come
        self._before_connecting = before_connecting

    def read_lines(
        self,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        check_reply: Callable[[Reply], None],
    ) -> Iterator[bytes]:
        """Yield each line of the answer. Raises Busy when the connection ends or is silent.

        `check_reply` raises for an answer that is a refusal.
        """
        import httpx

        names = {"Accept-Encoding": "identity", "User-Agent": self._user_agent, **headers}
        with self._hang_up_silent() as (watch, extensions):
            try:
                with (
                    httpx.Client(timeout=self._silence, follow_redirects=False) as client,
                    client.stream(
                        "GET", url, params=params, headers=names, extensions=extensions
                    ) as response,
                ):
                    if response.status_code != 200:
                        self._refuse(response, check_reply)
                    yield from self._cut_lines(response, watch)
            except (httpx.HTTPError, httpx.StreamError, OSError) as error:
                if watch.is_silent or isinstance(error, httpx.ReadTimeout):
                    raise Busy(f"nothing came for {self._silence:g} s") from None
                raise Busy(f"{type(error).__name__}: {hide_queries(str(error))}") from None
            if watch.is_silent:
                raise Busy(f"nothing came for {self._silence:g} s")
        raise Busy("the provider ended the stream")

    def _refuse(self, response: Any, check_reply: Callable[[Reply], None]) -> None:
        received = {name.lower(): value for name, value in response.headers.items()}
        body = b""
        for piece in response.iter_raw():
            body = (body + piece)[:MOST_BYTES]
            if len(body) == MOST_BYTES:
                break
        reply = Reply(response.status_code, received, body)
        if reply.status in ASK_AGAIN:
            raise Busy(f"HTTP {reply.status}", seconds_to_wait(received))
        check_reply(reply)
        raise Busy(f"HTTP {reply.status}")

    def _cut_lines(self, response: Any, watch: _Watch) -> Iterator[bytes]:
        rest = b""
        for piece in response.iter_raw():
            *lines, rest = (rest + piece).split(b"\n")
            if max(map(len, (*lines, rest))) > MOST_BYTES:
                raise Busy(f"a line has more than {MOST_BYTES:,} bytes")
            for line in lines:
                watch.heard_at = time.monotonic()
                if line.strip():
                    yield line
                    watch.heard_at = time.monotonic()  # the reader's own time is no silence

    @contextmanager
    def _hang_up_silent(self) -> Iterator[tuple[_Watch, dict[str, Any]]]:
        """Close the connection from another thread once it was silent for too long."""
        watch = _Watch(self._silence)

        def remember(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith("connect_tcp.started"):
                self._before_connecting()
                watch.heard_at = time.monotonic()
            if event.endswith(("connect_tcp.complete", "start_tls.complete")):
                watch.socket = info["return_value"].get_extra_info("socket")

        watch.start()
        try:
            yield watch, {"trace": remember}
        finally:
            watch.stop()


class _Watch:
    """Looks a few times a second whether a line has come lately."""

    def __init__(self, silence: float) -> None:
        self.heard_at = time.monotonic()
        self.socket: socket.socket | None = None
        self.is_silent = False
        self._silence = silence
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch the stream", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            if self.socket is not None and time.monotonic() - self.heard_at > self._silence:
                self.is_silent = True
                with suppress(OSError, TypeError):
                    # Not TLS's own, which would say goodbye and wait.
                    socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
                return
