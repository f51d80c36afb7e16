"""Callers of the API in a process of their own: each with its key, and some with a WebSocket.

    python -m tests.release.load URL OUT REQUESTS_PER_SECOND

It goes on until SIGTERM, writes how many requests it has made to OUT every half second, and at the
end what it saw. A request counts as failed where no answer came, or another one than 200.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.serving.serving_models import build_request

CONNECTIONS, CALLERS, SOCKETS = 16, 200, 10
READS = (
    "/signal/index", "/model-info", "/forecasts", "/signal/index?universe=qqq", "/health",
)  # fmt: skip
HISTORY = "/signals/history?limit=20"
HISTORY_EVERY, PREDICT_EVERY = 33, 25
SERVICE_RESTART, GOING_AWAY = 1012, 1001
FAILURES_TOLD = 20


class Load:
    """What all callers saw."""

    def __init__(self, url: str, rate: float) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.pause = CONNECTIONS / rate
        self.requests = 0
        self.failures: Counter[str] = Counter()  # by colour; "none" where no answer came
        self.examples: list[str] = []
        self.by_colour: Counter[str] = Counter()
        self.colours: dict[str, list[str]] = defaultdict(list)  # of each caller, as they changed
        self.times: dict[str, list[float]] = defaultdict(list)
        self.closes: Counter[int] = Counter()  # of WebSockets, by their code
        self.messages = 0
        self.running = True
        body = json.dumps(build_request()).encode()
        self._predict = (
            (
                b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\nX-API-Key: %%s\r\n\r\n" % len(body)
            ).replace(b"%%", b"%"),
            body,
        )

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._call(number)) for number in range(CONNECTIONS)]
        tasks += [asyncio.create_task(self._listen(number)) for number in range(SOCKETS)]
        await asyncio.gather(*tasks)

    def _request(self, connection: int, number: int, caller: str) -> bytes:
        if (number + connection) % PREDICT_EVERY == 0:  # not all of them at once
            head, body = self._predict
            return head % caller.encode() + body
        is_history = connection == 0 and number % HISTORY_EVERY == 0
        path = HISTORY if is_history else READS[number % len(READS)]
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {caller}\r\n\r\n".encode()

    async def _call(self, connection: int) -> None:
        reader = writer = None
        number = connection
        while self.running:
            number += 1
            caller = f"caller-{(number * CONNECTIONS + connection) % CALLERS}"
            began = time.monotonic()
            colour, trouble = "none", ""
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(self.host, self.port)
                assert reader is not None
                writer.write(self._request(connection, number, caller))
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 90)
                headers = _headers(head)
                body = await reader.readexactly(int(headers["content-length"]))
                colour = headers.get("x-colour", "none")
                if headers.get("connection") == "close":  # nginx lets go after 1000 requests
                    writer.close()
                    writer = None
                if head[9:12] != b"200" or not body:
                    trouble = head[9:12].decode() + body[:200].decode(errors="replace")
            except (OSError, asyncio.IncompleteReadError, TimeoutError, KeyError) as error:
                trouble = f"{type(error).__name__} {error}"
                if writer is not None:
                    writer.close()
                reader = writer = None
            self.requests += 1
            self.by_colour[colour] += 1
            self.times[colour].append(time.monotonic() - began)
            if trouble:
                self.failures[colour] += 1
                if len(self.examples) < FAILURES_TOLD:
                    self.examples.append(f"{time.time():.2f} {caller} {colour}: {trouble}")
            elif not self.colours[caller] or self.colours[caller][-1] != colour:
                self.colours[caller].append(colour)
            await asyncio.sleep(max(0.0, began + self.pause - time.monotonic()))
        if writer is not None:
            writer.close()

    async def _listen(self, number: int) -> None:
        """Listen as a client does: connect again once the server says goodbye."""
        url = f"ws://{self.host}:{self.port}/ws/market-stream"
        headers = {"X-API-Key": f"caller-{number * CALLERS // SOCKETS}"}
        while self.running:
            try:
                async with connect(url, additional_headers=headers) as socket:
                    while self.running:
                        try:
                            await asyncio.wait_for(socket.recv(), 1)
                            self.messages += 1
                        except TimeoutError:
                            continue
            except ConnectionClosed as error:
                self.closes[error.rcvd.code if error.rcvd else 1006] += 1
            except (OSError, InvalidStatus, TimeoutError):
                self.closes[0] += 1
                await asyncio.sleep(0.1)

    def summary(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "failures": dict(self.failures),
            "examples": self.examples,
            "by_colour": dict(self.by_colour),
            "green_callers": sum("green" in colours for colours in self.colours.values()),
            "callers": len(self.colours),
            "most_changes": max((len(colours) for colours in self.colours.values()), default=0),
            "p99_ms": {
                colour: round(sorted(times)[int(len(times) * 0.99)] * 1000, 1)
                for colour, times in self.times.items()
            },
            "closes": {str(code): count for code, count in self.closes.items()},
            "messages": self.messages,
        }


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(": ") for line in lines if line)
    return {name.lower(): value for name, _, value in pairs}


async def main(url: str, out: Path, rate: float) -> None:
    load = Load(url, rate)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: setattr(load, "running", False))

    async def report() -> None:
        while load.running:
            _write(out, load.summary())
            await asyncio.sleep(0.5)

    reporting = asyncio.create_task(report())
    await load.run()
    await reporting
    _write(out, load.summary() | {"ended": True})


def _write(out: Path, summary: dict[str, Any]) -> None:
    beside = out.with_suffix(".new")
    beside.write_text(json.dumps(summary))
    beside.replace(out)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
