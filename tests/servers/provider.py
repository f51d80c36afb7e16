"""A server on the loopback that plays a provider over HTTP, and goes wrong when it is told to.

    class Clock(ProviderServer):
        def respond(self, path, params, headers):
            return Response(body=b"12:00")

    with Clock() as clock:
        clock.fail(Fault(status=429, body="slow down"), times=2)

It keeps every request in `questions`, each with its path, parameters and headers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tests.servers.in_thread import serve_in_thread


@dataclass(frozen=True)
class Response:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer; what is left out stays right."""

    status: int | None = None
    body: bytes | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str | None = None
    cut: int | None = None  # only so many bytes are sent, of fewer promised
    lost: int | None = None  # so many bytes are sent, and the connection breaks
    lost_chunk: int | None = None  # the same of a chunked body, whose length nobody promised
    delay: float = 0.0  # seconds before the answer
    drip: float = 0.0  # seconds between two bytes of the body
    drip_headers: float = 0.0  # seconds between two lines of an endless head


class Question(NamedTuple):
    path: str
    params: dict[str, str]
    headers: dict[str, str]


class ProviderServer:
    """Use it as a context manager; a subclass has `respond`."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.connections = 0
        self._faults: list[Fault] = []
        self._always: Fault | None = None
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):  # type: ignore[no-untyped-def]
        self._running = ExitStack()
        self._running.enter_context(serve_in_thread(self._http))
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def respond(self, path: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        return Response()

    def can_fail(self, path: str) -> bool:
        """Whether a fault may strike the answer for this path."""
        return True

    def fail(self, fault: Fault, times: int | None = 1) -> None:
        """Go wrong the next `times` times; None: for ever."""
        if times is None:
            self._always = fault
        else:
            self._faults += [fault] * times

    def paths(self) -> list[str]:
        return [question.path for question in self.questions]

    def answer(self, question: Question) -> tuple[Response, Fault]:
        with self._lock:
            self.questions.append(question)
            response = self.respond(*question)
            fault = Fault()
            if self.can_fail(question.path):
                fault = self._faults.pop(0) if self._faults else self._always or fault
        body = response.body if fault.body is None else fault.body
        return (
            Response(
                fault.status or response.status,
                body.encode() if isinstance(body, str) else body,
                {**response.headers, **fault.headers},
                fault.media_type or response.media_type,
            ),
            fault,
        )


def _handler(server: ProviderServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def setup(self) -> None:
            server.connections += 1
            super().setup()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = dict(parse_qsl(parts.query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            response, fault = server.answer(Question(parts.path, params, headers))
            try:
                self._send(response, fault)
            except OSError:
                self.close_connection = True  # the caller had enough of waiting

        def _send(self, response: Response, fault: Fault) -> None:
            time.sleep(fault.delay)
            body = response.body if fault.cut is None else response.body[: fault.cut]
            self.send_response(response.status)
            while fault.drip_headers:
                self.send_header("X-Drip", "a")
                self.flush_headers()
                self.wfile.flush()
                time.sleep(fault.drip_headers)
            self.send_header("Content-Type", response.media_type)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if fault.lost_chunk is not None:
                self.send_header("Transfer-Encoding", "chunked")
            elif response.status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.flush()
            if fault.lost_chunk is not None:
                body = b"%x\r\n%b" % (len(body), body[: fault.lost_chunk])
                self.close_connection = True
            if fault.lost is not None:
                body = body[: fault.lost]
                self.close_connection = True
            if fault.drip:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(fault.drip)
            else:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
