"""A server on the loopback with OANDA's price stream, that sends what each connection is told to.

    with StreamServer([heartbeat(at), price(at, 1.1, 1.2), 0.5, Hang()]) as oanda: ...

A connection is a list of steps: a line is sent, a number is waited for, `Drip` sends a line byte by
byte, `Hang` keeps the connection open and says nothing, `Lost` breaks it within a chunk, a Refusal
answers with a status. The last list is sent to every later connection.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.servers.in_thread import serve_in_thread
from tests.servers.oanda import TOKEN
from tests.servers.provider import Question

ACCOUNT = "101-004-1234567-001"


@dataclass(frozen=True)
class Drip:
    line: bytes
    seconds: float


@dataclass(frozen=True)
class Hang:
    pass


@dataclass(frozen=True)
class Lost:
    pass


@dataclass(frozen=True)
class Refusal:
    status: int
    words: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Step = bytes | float | Drip | Hang | Lost | Refusal


def price(at: datetime, bid: float, ask: float, symbol: str = "EUR_USD", **fields: object) -> bytes:
    """A price as OANDA writes it."""
    sides = {
        "bids": [{"price": f"{bid:.5f}", "liquidity": 1000000}],
        "asks": [{"price": f"{ask:.5f}", "liquidity": 1000000}],
    }
    message = {"type": "PRICE", "instrument": symbol, "time": stamp(at), "tradeable": True}
    return json.dumps(message | sides | fields).encode()


def heartbeat(at: datetime) -> bytes:
    return json.dumps({"type": "HEARTBEAT", "time": stamp(at)}).encode()


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z"


class StreamServer:
    """`connections` has when each stream was asked for, by the monotonic clock."""

    def __init__(self, *scripts: Iterable[Step]) -> None:
        self.scripts = [list(script) for script in scripts]
        self.questions: list[Question] = []
        self.connections: list[float] = []
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> StreamServer:
        self._running = ExitStack()
        self._running.enter_context(serve_in_thread(self._http))
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._running.close()

    def next_script(self) -> Sequence[Step]:
        with self._lock:
            place = min(len(self.connections), len(self.scripts) - 1)
            self.connections.append(time.monotonic())
            return self.scripts[place]


def _handler(server: StreamServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.questions.append(Question(parts.path, dict(parse_qsl(parts.query)), headers))
            if headers.get("authorization") != f"Bearer {TOKEN}":
                words = f"Insufficient authorization to use {headers.get('authorization')}"
                return self._answer(401, {"errorMessage": words})
            if parts.path == "/v3/accounts":
                return self._answer(200, {"accounts": [{"id": ACCOUNT, "tags": []}]})
            if parts.path != f"/v3/accounts/{ACCOUNT}/pricing/stream":
                return self._answer(404, {"errorMessage": "Endpoint not found"})
            self.close_connection = True
            with suppress(OSError):  # the caller had enough
                self._stream(server.next_script())
            return None

        def _answer(
            self, status: int, content: object, headers: Mapping[str, str] | None = None
        ) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, script: Sequence[Step]) -> None:
            if script and isinstance(script[0], Refusal):
                refusal = script[0]
                content = {"errorMessage": refusal.words}
                return self._answer(refusal.status, content, refusal.headers)
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for step in script:
                if isinstance(step, bytes):
                    self._chunk(step + b"\n")
                elif isinstance(step, float | int):
                    server.over.wait(step)
                elif isinstance(step, Drip):
                    for place in range(len(step.line)):
                        self._chunk(step.line[place : place + 1])
                        server.over.wait(step.seconds)
                elif isinstance(step, Hang):
                    server.over.wait()
                elif isinstance(step, Lost):
                    self.wfile.write(b"64\r\n{")
                    return None
                if server.over.is_set():
                    return None
            self.wfile.write(b"0\r\n\r\n")
            return None

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
