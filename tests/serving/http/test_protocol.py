"""The process of the API: what it loads, and which connections it cuts off."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.http.docs import operations
from serving.schemas.errors import ErrorBody
from tests.servers.ports import free_port
from tests.serving.process import environment_of, run_server, wait_for_answer

HEAVY = ("airflow", "sklearn", "mlflow", "torch", "evidently", "great_expectations", "matplotlib")
POST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SERVER_THAT_REPORTS = f"""
import runpy, sys, threading, time
def report_imports():
    import urllib.request, os
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{{os.environ['BULLION_API_PORT']}}/signal/index")
            break
        except OSError:
            time.sleep(0.05)
    print(sorted(set({HEAVY!r}) & set(sys.modules)), flush=True)
threading.Thread(target=report_imports, daemon=True).start()
runpy.run_module("serving", run_name="__main__")
"""


@pytest.fixture(scope="module")
def running_server(scored_folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    env = environment_of(scored_folder, port) | {
        "BULLION_API_HEADER_BYTES": "2048",
        "BULLION_API_HEADER_SECONDS": "0.5",
        "BULLION_API_BODY_SECONDS": "0.5",
    }
    with run_server("-c", SERVER_THAT_REPORTS, env=env, stdout=subprocess.PIPE) as server:
        yield port, server


def test_the_server_answers_without_loading_any_training_library(
    running_server: tuple[int, subprocess.Popen[bytes]],
) -> None:
    port, server = running_server
    assert wait_for_answer(port).json()["universe"] == "qqq"
    assert server.stdout is not None
    assert server.stdout.readline().strip() == b"[]"


@pytest.mark.parametrize(
    ("sent_bytes", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 600 + b"\r\n", b"431"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 4000, b"431"),
        (b"GET /" + b"x" * 4000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"431"),
        (b"GET /health HTTP/1.1\r\nHost: lo", b"408"),
        (b"", b"408"),
        (b"nonsense\r\n\r\n", b"400"),
        (POST + b"Content-Length: 9\r\n\r\n{", b"408"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"408"),
        # A request that is answered before its body has arrived is cut off too.
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{", b"200"),
    ],
)
def test_a_request_that_is_slow_or_too_large_is_cut_off(
    running_server: tuple[int, subprocess.Popen[bytes]], sent_bytes: bytes, status: bytes
) -> None:
    port, _ = running_server
    wait_for_answer(port)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent_bytes)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 " + status)
    if status in (b"408", b"431"):
        head, _, content = answer.partition(b"\r\n\r\n")
        assert b"\r\ncontent-length: %d\r\n" % len(content) in head
        assert b"\r\nconnection: close" in head
        problem = ErrorBody.model_validate_json(content).error
        assert problem.type in ("request_timeout", "request_header_fields_too_large")
        assert "0.5 seconds" in problem.hint or "2,048 bytes" in problem.message


def test_late_requests_and_long_headers_are_documented_for_each_operation(api: TestClient) -> None:
    schema = api.get("/openapi.json").json()
    for method, path, operation in operations(schema):
        assert {"408", "431"} <= operation["responses"].keys(), (method, path)
