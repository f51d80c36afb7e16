"""Two API places that a test plays itself, and the settings of releases that name them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.servers.in_thread import serve_in_thread

STALL = 0.4  # seconds, longer than a read waits


class PlayedApi:
    """An API that answers what its test sets."""

    def __init__(self) -> None:
        self.status, self.reasons = 200, list[str]()
        self.answer: dict[str, Any] = {"wss": 0.5}
        self.requests: list[str] = []
        self.keys: set[str | None] = set()
        self.stalls = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api.requests.append(self.path)
                api.keys.add(self.headers["X-API-Key"])
                health = {"status": "ok", "reasons": api.reasons, "models": []}
                if self.path != "/health" and api.stalls.is_set():
                    time.sleep(STALL)
                body = json.dumps(health if self.path == "/health" else api.answer).encode()
                with suppress(ConnectionError):  # nobody waited
                    self.send_response(200 if self.path == "/health" else api.status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def two_places(folder: Path, **settings: str) -> Iterator[tuple[PlayedApi, PlayedApi]]:
    """Play both places until the end of the block.

    Nothing is waited for but what the test sets, however busy the machine is.
    """
    first, second = PlayedApi(), PlayedApi()
    values = {
        "first": first.address,
        "second": second.address,
        "folder": str(folder),
        "start_seconds": "30",
        "least_seconds": "0",
        "most_seconds": "280",
        "drain_seconds": "0",
        "reads_per_second": "1000",
        "read_seconds": "10",
        "slow_ms": "5000",
        **settings,
    }
    with (
        pytest.MonkeyPatch.context() as patch,
        serve_in_thread(first.server),
        serve_in_thread(second.server),
    ):
        for name, value in values.items():
            patch.setenv(f"BULLION_RELEASE_{name.upper()}", value)
        yield first, second
