"""Clients that do not read their answers: they are hung up on, and others refused meanwhile."""

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
from tests.serving.served import wait_until

HISTORY, LARGE = "/predictions/history", "/large"
SIZE = 16 * 2**20  # bytes of a large answer: more than the kernel keeps for a client
PATIENCE = 1.0  # seconds in which a client must read something
Served = tuple[int, FastAPI]


async def _large(request: Request) -> Response:
    return Response(bytes(SIZE))


@pytest.fixture(scope="module")
def api(scored_folder: Path) -> Iterator[Served]:
    limits = {"BULLION_API_UNREAD_BYTES": "65536", "BULLION_API_UNREAD_SECONDS": str(PATIENCE)}
    with serving_folder(scored_folder, **limits) as (port, app, _):
        app.add_route(LARGE, _large)
        wait_for_answer(port, HISTORY)
        yield port, app


def request_large(port: int) -> socket.socket:
    """Ask for a large answer as a client that takes little at a time."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.settimeout(60)
    wire.connect(("127.0.0.1", port))
    wire.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return wire


def test_histories_are_refused_while_too_much_is_unread_and_the_newest_signal_is_not(
    api: Served,
) -> None:
    port, app = api
    with request_large(port):
        wait_until(lambda: bool(app.state.unread.transports))
        refused = httpx.get(f"http://127.0.0.1:{port}{HISTORY}")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "have not yet read 65536 bytes" in refused.json()["error"]["message"]
        assert httpx.get(f"http://127.0.0.1:{port}/signal/index").status_code == 200
    wait_until(lambda: not app.state.unread.transports)
    assert httpx.get(f"http://127.0.0.1:{port}{HISTORY}").status_code == 200


def test_a_client_that_reads_nothing_is_hung_up_on(api: Served) -> None:
    port, app = api
    with request_large(port) as wire:
        wait_until(lambda: bool(app.state.unread.transports))
        wait_until(lambda: not app.state.unread.transports)
        received = 0
        while piece := wire.recv(65536):  # what the kernel had already taken
            received += len(piece)
        assert received < SIZE


def test_a_client_that_reads_slowly_has_its_whole_answer(api: Served) -> None:
    port, app = api
    received, began = 0, time.monotonic()
    with request_large(port) as wire:
        while piece := wire.recv(65536):
            received += len(piece)
            if app.state.unread.transports:  # all else is in the kernel, and its own pace
                time.sleep(4 * PATIENCE * len(piece) / SIZE)
    assert time.monotonic() - began > 2 * PATIENCE
    assert received > SIZE
