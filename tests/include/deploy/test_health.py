"""The health check of the images: an address answers, and well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from include.deploy.health import trouble
from tests.servers.in_thread import serve_in_thread

ANSWER = {"scheduler": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_healthy = self.path == "/well" and self.headers.get("X-API-Key") in (None, "one")
        self.send_response(200 if is_healthy else 503)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWER).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # never asked
    server = HTTPServer(("127.0.0.1", 0), Handler)
    with serve_in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_a_failure_is_reported_and_a_good_answer_is_not(url: str) -> None:
    assert trouble(f"{url}/well", []) == ""
    assert "503" in trouble(f"{url}/ill", [])
    assert "refused" in trouble("http://127.0.0.1:1/", [])


def test_each_named_part_must_be_healthy(url: str) -> None:
    assert trouble(f"{url}/well", ["scheduler"]) == ""
    assert trouble(f"{url}/well", ["scheduler", "triggerer", "gone"]) == "triggerer, gone"


def test_the_first_key_is_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_API_KEYS", "one,two")
    assert trouble(f"{url}/well", []) == ""
    monkeypatch.setenv("BULLION_API_KEYS", "two")
    assert "503" in trouble(f"{url}/well", [])
