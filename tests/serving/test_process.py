"""The process itself: what it loads, what it refuses on the wire, and how it starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers.ports import free_port, stop

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("airflow", "sklearn", "mlflow", "torch", "evidently", "great_expectations", "matplotlib")
WATCHED = f"""
import runpy, sys, threading, time
def told():
    import urllib.request, os
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{{os.environ['BULLION_API_PORT']}}/signal/index")
            break
        except OSError:
            time.sleep(0.05)
    print(sorted(set({HEAVY!r}) & set(sys.modules)), flush=True)
threading.Thread(target=told, daemon=True).start()
runpy.run_module("serving", run_name="__main__")
"""


@pytest.fixture(scope="module")
def running(scored_folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    env = os.environ | {
        "BULLION_LAKE_CATALOG": f"sqlite:{scored_folder}/catalog.sqlite",
        "BULLION_LAKE_DATA": f"{scored_folder}/files",
        "MLFLOW_TRACKING_URI": f"sqlite:///{scored_folder}/mlflow.db",
        "BULLION_API_PORT": str(port),
        "BULLION_API_HEADER_BYTES": "2048",
        "BULLION_API_HEADER_SECONDS": "0.5",
    }
    server = subprocess.Popen(
        [sys.executable, "-c", WATCHED], cwd=ROOT, env=env, stdout=subprocess.PIPE
    )
    try:
        yield port, server
    finally:
        stop(server)


def answered(port: int) -> httpx.Response:
    for _ in range(1200):
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/signal/index")
            if answer.is_success:
                return answer
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("it never answered")


def test_it_answers_and_carries_nothing_that_trains(
    running: tuple[int, subprocess.Popen[bytes]],
) -> None:
    port, server = running
    assert answered(port).json()["universe"] == "qqq"
    assert server.stdout is not None
    assert server.stdout.readline().strip() == b"[]"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 600 + b"\r\n", b"431"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 4000, b"431"),
        (b"GET /" + b"x" * 4000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"431"),
        (b"GET /health HTTP/1.1\r\nHost: lo", b"408"),
        (b"", b"408"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_headers_that_are_slow_or_too_large_are_cut_off(
    running: tuple[int, subprocess.Popen[bytes]], sent: bytes, status: bytes
) -> None:
    port, _ = running
    answered(port)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        wire.sendall(sent)
        said = b""
        while piece := wire.recv(4096):
            said += piece
    assert said.startswith(b"HTTP/1.1 " + status)
