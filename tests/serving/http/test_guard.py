"""Checks before any route: the Host and Origin of a request, and malformed headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from serving.routes.stream import POLICY
from tests.serving.scored_api import STREAM, api_at, problem

BAD_HOSTS = ("localhost:", "localhost:80a", "localhost, localhost", "[::1", "::1", "u@localhost",
             "localhost/", "localhost:8000:8000", "[localhost]", "lo calhost")  # fmt: skip
ROUTES = (("GET", "/signal/index"), ("GET", "/signal/index?min_confidence=0.5"), ("GET", "/docs"),
          ("GET", "/predictions/history?live=false"), ("POST", "/predict"),
          ("POST", "/predict_batch"), ("GET", "/health"))  # fmt: skip


@pytest.fixture(scope="module")
def client_of_any_host(scored_folder: Path) -> Iterator[TestClient]:
    with api_at(scored_folder, hosts="*") as client:
        yield client


@pytest.mark.parametrize(
    "hosts", [("localhost", "evil.example"), ("evil.example", "localhost"), ("localhost",) * 2]
)
def test_a_request_names_one_host(
    api: TestClient, client_of_any_host: TestClient, hosts: tuple[str, ...]
) -> None:
    headers = [("Host", host) for host in hosts]
    for client in (api, client_of_any_host):
        answer = client.get("/signal/index", headers=headers)
        assert answer.status_code == 400
        assert problem(answer).type == "unknown_host"


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_malformed_host_is_refused_even_where_any_host_is_allowed(
    api: TestClient, client_of_any_host: TestClient, host: str
) -> None:
    for client in (api, client_of_any_host):
        assert client.get("/signal/index", headers={"Host": host}).status_code == 400


def test_a_request_must_name_a_host_even_where_any_is_allowed(
    client_of_any_host: TestClient,
) -> None:
    assert (
        client_of_any_host.get("/signal/index", headers={"Host": "api.example:80"}).status_code
        == 200
    )
    assert client_of_any_host.get("/signal/index", headers={"Host": ""}).status_code == 400


@pytest.mark.parametrize(
    "origin",
    ["http://[", "http://[::1", "http://]", "http://", "null", "", "localhost", "http://localhost:x",
     "http://evil.example", "http://localhost@evil.example", "\xff"],
)  # fmt: skip
def test_a_malformed_origin_is_refused(api: TestClient, origin: str) -> None:
    headers = {"Origin": origin.encode("latin-1")}
    with (
        pytest.raises(WebSocketDisconnect) as error,
        api.websocket_connect(STREAM, headers=headers),  # type: ignore[arg-type]
    ):
        pass
    assert error.value.code == POLICY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-API-Key", b"\xff\xfe"),
        ("Authorization", b"Bearer \xff\xfe"),
        ("Authorization", b"Bearer"),
        ("If-None-Match", b'\xff",,"*,W/'),
        ("Accept", b"\xff;q=nan"),
        ("Accept", b";;;,,q=,text/csv;q=1e999"),
        ("Accept", b"text/csv;q=-nan"),
        ("Content-Type", b"\xff"),
        ("Content-Type", b"multipart/form-data"),
        ("Content-Type", b"multipart/form-data; boundary=\xff"),
        ("Content-Type", b"text/csv; charset=\xff"),
        ("Content-Length", b"\xb2"),
        ("Content-Length", b"-5"),
        ("Cookie", b"\xff=\xff"),
        ("Range", b"bytes=9-1,x"),
        ("Accept-Encoding", b"\xff;q=x"),
        ("Host", b"\xff"),
    ],
)
def test_no_malformed_header_is_a_failure_of_the_server(
    client_with_key: TestClient, name: str, value: bytes
) -> None:
    for method, path in ROUTES:
        headers = {"X-API-Key": b"secret", name: value}
        body = b"x" if method == "POST" else None
        answer = client_with_key.request(method, path, headers=headers, content=body)  # type: ignore[arg-type]
        assert answer.status_code < 500, (path, answer.text)
        if answer.status_code >= 400:
            assert problem(answer).message
