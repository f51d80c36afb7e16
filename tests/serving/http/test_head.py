"""HEAD: every route of GET has it, with the same status and headers and without a body."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from serving.http.docs import operations
from tests.serving.examples import example_address
from tests.serving.in_process import serving_folder
from tests.serving.process import wait_for_answer

COUNTING = ("/metrics", "/operations/latency")


def addresses(client: TestClient) -> list[str]:
    """List the documented example of every GET route, and the routes without documentation."""
    schema = client.get("/openapi.json").json()
    documented = [
        example_address(path, operation)
        for method, path, operation in operations(schema)
        if method == "get"
    ]
    hidden = [
        route.path
        for route in client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, APIRoute) and not route.include_in_schema
    ]
    return [*documented, *hidden]


def test_head_is_get_without_its_body(api: TestClient) -> None:
    paths = addresses(api)
    assert {"/docs", "/openapi.json", "/health", "/metrics"} <= set(paths)
    for path in [*paths, "/bars/newest?symbol=NVDIA", "/nothing", "/signal/index?universe=no"]:
        head, get = api.head(path), api.get(path)
        assert head.status_code == get.status_code, path
        assert head.content == b""
        if path in COUNTING:  # they count the requests, and grow by them
            assert head.headers["content-type"] == get.headers["content-type"]
        else:
            assert head.headers == get.headers, path


def test_head_of_a_route_with_only_post_is_refused(api: TestClient) -> None:
    assert api.head("/predict").status_code == 405


def test_head_of_a_polled_answer_gives_304_for_its_tag(api: TestClient) -> None:
    tag = api.head("/signal/index").headers["etag"]
    assert api.head("/signal/index", headers={"If-None-Match": tag}).status_code == 304


def test_head_needs_the_key_that_get_needs(client_with_key: TestClient) -> None:
    assert client_with_key.head("/signal/index").status_code == 401


@pytest.fixture(scope="module")
def port(scored_folder: Path) -> Iterator[int]:
    """The port of an API with real connections."""
    with serving_folder(scored_folder) as (port, _, _):
        wait_for_answer(port)
        yield port


@pytest.mark.parametrize("path", ["/signal/index", "/docs", "/nothing"])
def test_nothing_follows_the_headers_on_the_wire(port: int, path: str) -> None:
    request = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    headers, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: " in headers.lower()
    assert body == b""
