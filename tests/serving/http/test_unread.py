"""Clients that do not read their answers are disconnected, and others refused meanwhile."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from tests.serving.in_process import serving_folder
from tests.serving.process import wait_for_answer
from tests.serving.scored_api import wait_until

HISTORY, LARGE = "/predictions/history", "/large"
SIZE = 16 * 2**20  # bytes of a large answer: more than the kernel keeps for a client
PATIENCE = 1.0  # seconds in which a client must read something
PortAndApp = tuple[int, FastAPI]


async def _large(request: Request) -> Response:
    return Response(bytes(SIZE))


@pytest.fixture(scope="module")
def api(scored_folder: Path) -> Iterator[PortAndApp]:
    limits = {"unread_bytes": "65536", "unread_seconds": str(PATIENCE)}
    with serving_folder(scored_folder, **limits) as (port, app, _):
        app.add_route(LARGE, _large)
        wait_for_answer(port, HISTORY)
        yield port, app


def request_large(port: int) -> socket.socket:
    """Request a large answer, as a client that reads little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", port))
    connection.sendall(
        f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    return connection


def test_only_histories_are_refused_while_too_much_is_unread(
    api: PortAndApp,
) -> None:
    port, app = api
    with request_large(port):
        wait_until(lambda: bool(app.state.unread.transports))
        answer = httpx.get(f"http://127.0.0.1:{port}{HISTORY}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "have not yet read 65536 bytes" in answer.json()["error"]["message"]
        assert httpx.get(f"http://127.0.0.1:{port}/signal/index").status_code == 200
    wait_until(lambda: not app.state.unread.transports)
    assert httpx.get(f"http://127.0.0.1:{port}{HISTORY}").status_code == 200


def test_a_client_that_reads_nothing_is_disconnected(api: PortAndApp) -> None:
    port, app = api
    with request_large(port) as connection:
        wait_until(lambda: bool(app.state.unread.transports))
        wait_until(lambda: not app.state.unread.transports)
        size = 0
        while piece := connection.recv(65536):  # what the kernel had already taken
            size += len(piece)
        assert size < SIZE


def test_a_client_that_reads_slowly_gets_its_whole_answer(api: PortAndApp) -> None:
    port, app = api
    size, began = 0, time.monotonic()
    with request_large(port) as connection:
        while piece := connection.recv(65536):
            size += len(piece)
            if app.state.unread.transports:  # the rest is in the kernel, and comes at its own pace
                time.sleep(3 * PATIENCE * len(piece) / SIZE)
    assert time.monotonic() - began > 2 * PATIENCE
    assert size > SIZE
