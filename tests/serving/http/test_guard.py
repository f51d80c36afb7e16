"""What comes before any route: the Host and Origin of a request, and headers that are malformed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from serving.routes.stream import POLICY
from tests.serving.served import STREAM, api_at, problem

BAD_HOSTS = ("localhost:", "localhost:80a", "localhost, localhost", "[::1", "::1", "u@localhost",
             "localhost/", "localhost:8000:8000", "[localhost]", "lo calhost")  # fmt: skip
ROUTES = (("GET", "/signal/index"), ("GET", "/signal/index?min_confidence=0.5"), ("GET", "/docs"),
          ("GET", "/predictions/history?live=false"), ("POST", "/predict"),
          ("POST", "/predict_batch"), ("GET", "/health"))  # fmt: skip


@pytest.fixture(scope="module")
def keyed(scored_folder: Path) -> Iterator[TestClient]:
    with api_at(scored_folder, keys="secret") as client:
        yield client


@pytest.fixture(scope="module")
def anywhere(scored_folder: Path) -> Iterator[TestClient]:
    with api_at(scored_folder, hosts="*") as client:
        yield client


@pytest.mark.parametrize(
    "hosts", [("localhost", "evil.example"), ("evil.example", "localhost"), ("localhost",) * 2]
)
def test_a_request_names_one_host(
    api: TestClient, anywhere: TestClient, hosts: tuple[str, ...]
) -> None:
    headers = [("Host", host) for host in hosts]
    for client in (api, anywhere):
        answer = client.get("/signal/index", headers=headers)
        assert answer.status_code == 400
        assert problem(answer).type == "unknown_host"


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_that_is_none_is_refused_whichever_are_known(
    api: TestClient, anywhere: TestClient, host: str
) -> None:
    for client in (api, anywhere):
        assert client.get("/signal/index", headers={"Host": host}).status_code == 400


def test_where_any_host_is_known_one_still_must_be_named(anywhere: TestClient) -> None:
    assert anywhere.get("/signal/index", headers={"Host": "api.example:80"}).status_code == 200
    assert anywhere.get("/signal/index", headers={"Host": ""}).status_code == 400


@pytest.mark.parametrize(
    "origin",
    ["http://[", "http://[::1", "http://]", "http://", "null", "", "localhost", "http://localhost:x",
     "http://evil.example", "http://localhost@evil.example", "\xff"],
)  # fmt: skip
def test_an_origin_that_is_malformed_is_a_foreign_one(api: TestClient, origin: str) -> None:
    headers = {"Origin": origin.encode("latin-1")}
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        api.websocket_connect(STREAM, headers=headers),  # type: ignore[arg-type]
    ):
        pass
    assert refused.value.code == POLICY


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
    keyed: TestClient, name: str, value: bytes
) -> None:
    for method, path in ROUTES:
        headers = {"X-API-Key": b"secret", name: value}
        body = b"x" if method == "POST" else None
        answer = keyed.request(method, path, headers=headers, content=body)  # type: ignore[arg-type]
        assert answer.status_code < 500, (path, answer.text)
        if answer.status_code >= 400:
            assert problem(answer).message
