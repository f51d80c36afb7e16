"""Who may read and reload, how often, and how large a request may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from serving.http.keys import Keys
from serving.settings import Settings
from tests.serving.scored_api import STREAM, api_at, problem

READS = ("/signal/index", "/signals/history", "/health", "/metrics",
         "/bars/newest?symbol=NVDA", "/forecasts",
         "/forecasts/nasdaq100_hourly/features?symbol=NVDA")  # fmt: skip


def test_on_this_machine_reading_needs_no_key_and_reloading_does(api: TestClient) -> None:
    for path in READS:
        assert api.get(path).status_code != 401
    answer = api.post("/reload-model")
    assert answer.status_code == 403
    assert "BULLION_API_KEYS" in problem(answer).hint


def test_other_machines_cannot_read_without_a_key_unless_the_api_is_open(
    scored_folder: Path,
) -> None:
    for settings, status in ({}, 401), ({"open": "true"}, 200):
        with api_at(scored_folder, **settings) as client:
            scope_server = ("192.0.2.1", 8000)
            app = client.app

            async def elsewhere(scope, receive, send, app=app, address=scope_server):  # type: ignore[no-untyped-def]
                await app(scope | {"server": address}, receive, send)

            away = TestClient(elsewhere, base_url="http://localhost")
            for path in ("/signal/index", "/forecasts"):
                assert away.get(path).status_code == status


def test_every_call_needs_a_key_once_there_are_keys(scored_folder: Path) -> None:
    with api_at(scored_folder, keys="alpha, beta") as client:
        for path in READS:
            answer = client.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
            assert problem(answer).type == "unauthorized"
            assert client.get(path, headers={"X-API-Key": "alph"}).status_code == 401
            assert client.get(path, headers={"X-API-Key": "beta"}).status_code != 401
            bearer = {"Authorization": "Bearer alpha"}
            assert client.get(path, headers=bearer).status_code != 401
        answer = client.get("/signal/index", headers={"X-API-Key": "alpha"})
        assert answer.headers["cache-control"].startswith("private")
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM):
            pass
        with client.websocket_connect(STREAM, headers={"X-API-Key": "beta"}) as listener:
            assert listener.receive_json()["type"] == "state"


def test_only_the_key_that_asks_too_often_has_to_wait(scored_folder: Path) -> None:
    with api_at(scored_folder, keys="alpha,beta", requests_per_minute="3") as client:
        answers = [client.get("/signal/index", headers={"X-API-Key": "alpha"}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert problem(answers[-1]).type == "too_many_requests"
        assert client.get("/signal/index", headers={"X-API-Key": "beta"}).status_code == 200


def test_keys_are_kept_as_digests_and_never_printed() -> None:
    config = Settings(keys="alpha")  # type: ignore[arg-type]
    assert "alpha" not in repr(config)
    assert "alpha" not in repr(vars(Keys(config)))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io"])
def test_an_unknown_host_is_refused(api: TestClient, host: str) -> None:
    answer = api.get("/signal/index", headers={"Host": host})
    assert answer.status_code == 400
    assert problem(answer).type == "unknown_host"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_this_machine_may_be_called_by_each_of_its_names(api: TestClient, host: str) -> None:
    assert api.get("/signal/index", headers={"Host": host}).status_code == 200


def test_a_page_of_another_site_cannot_open_a_socket(api: TestClient) -> None:
    for origin, welcome in (("https://evil.example", False), ("http://localhost:8501", True)):
        try:
            with api.websocket_connect(STREAM, headers={"Origin": origin}) as listener:
                assert listener.receive_json()["type"] == "state"
                assert welcome
        except WebSocketDisconnect:
            assert not welcome


def test_a_body_that_is_too_large_is_refused_with_and_without_a_stated_length(
    scored_folder: Path,
) -> None:
    with api_at(scored_folder, body_bytes="2048") as client:
        whole = client.post("/predict", content=b"x" * 4096)
        pieces = client.post("/predict", content=(b"x" * 512 for _ in range(8)))
        for answer in (whole, pieces):
            assert answer.status_code == 413
            assert problem(answer).type == "too_large"
