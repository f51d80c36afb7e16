"""Many WebSockets that only listen, at little cost for the process that holds them."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable

from tests.serving.process import WAIT

PATH = "/ws/market-stream?universe=qqq"
UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Listener(asyncio.Protocol):
    """One WebSocket that only listens: `on_message` gets each message as it comes."""

    def __init__(self, path: str, on_message: Callable[[bytes], None]) -> None:
        self._path, self._on_message, self._buffer = path, on_message, b""
        self._greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(UPGRADE.format(self._path).encode())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._greeted:
            head, end, remainder = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._greeted, self._buffer = True, remainder
        while (frame := self._frame()) is not None:
            if frame.startswith(b"{"):  # else a ping, or the end
                self._on_message(frame)

    def _frame(self) -> bytes | None:
        """Return the payload of the next whole frame, if it has arrived: servers mask nothing."""
        if len(self._buffer) < 2:
            return None
        size, start = self._buffer[1], 2
        for mark, width in ((126, 2), (127, 8)):
            if size == mark:
                start += width
                size = int.from_bytes(self._buffer[2:start], "big")
                break
        if len(self._buffer) < start + size:
            return None
        payload = self._buffer[start : start + size]
        self._buffer = self._buffer[start + size :]
        return payload


def allow_files(sockets: int) -> None:
    """Raise the limit of open files, for this process and those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = sockets + 500
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


async def listen(
    port: int, sockets: int, publish: Callable[[int], None], rounds: int
) -> list[list[float]]:
    """Return the seconds from each commit until each socket has the signal, in order.

    It waits until all of them have it, though not for ever.
    """
    loop, arrivals = asyncio.get_running_loop(), list[float]()
    everyone = asyncio.Event()

    def note_arrival(message: bytes) -> None:
        if b'"type":"heartbeat"' not in message[:40]:
            arrivals.append(time.perf_counter())
            if len(arrivals) == sockets:
                everyone.set()

    connections = []
    for _ in range(sockets):
        connections.append(
            await loop.create_connection(lambda: Listener(PATH, note_arrival), "127.0.0.1", port)
        )
    await asyncio.wait_for(everyone.wait(), WAIT)  # the newest state, on connect
    delays = []
    for count in range(rounds):
        arrivals.clear()
        everyone.clear()
        await asyncio.to_thread(publish, count)
        committed = time.perf_counter()
        await asyncio.wait_for(everyone.wait(), WAIT)
        delays.append([at - committed for at in arrivals])
    for transport, _ in connections:
        transport.abort()
    return delays
