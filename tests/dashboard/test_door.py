"""Who may come in to the dashboard, and what its answers forbid the browser."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.door import SERVER_AT_ROOT, Door

PAGE = "<html><head></head><body>" + "x" * 2000 + "</body></html>"


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE)


async def file(request: Request) -> Response:
    return Response(b"<head>", media_type="text/plain")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("welcome")
    await websocket.close()


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/", page), Route("/file", file), WebSocketRoute("/ws", socket)]
    app = GZipMiddleware(Starlette(routes=routes))
    return TestClient(
        Door(app, hosts=("localhost", "Signals.example")), base_url="http://localhost"
    )


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "signals.example"])
def test_its_own_names_are_welcome(client: TestClient, host: str) -> None:
    assert client.get("/file", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", ""])
def test_another_name_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/file", headers={"Host": host})
    assert answer.status_code == 403
    assert "BULLION_DASHBOARD_HOSTS" in answer.text


def test_a_page_of_another_site_opens_no_socket(client: TestClient) -> None:
    with client.websocket_connect(
        "ws://localhost/ws", headers={"Origin": "http://localhost"}
    ) as own:
        assert own.receive_text() == "welcome"
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("ws://localhost/ws", headers={"Origin": "https://evil.example"}),
    ):
        pass


def test_a_page_learns_where_its_server_is_and_its_length_is_right(client: TestClient) -> None:
    answer = client.get("/", headers={"Accept": "text/html", "Accept-Encoding": "gzip"})
    assert answer.text == PAGE.replace("<head>", f"<head>{SERVER_AT_ROOT.decode()}")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert client.get("/file").content == b"<head>"


@pytest.mark.parametrize("path", ["/", "/file", "/missing"])
def test_nothing_of_another_host_is_loaded_and_no_frame_holds_it(
    client: TestClient, path: str
) -> None:
    headers = client.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
