"""Who may ask, how often and how much; and which failures say what."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from serving.http.keys import Keys
from serving.settings import Settings
from tests.serving.served import STREAM, api_at, problem

READS = ("/signal/index", "/signals/history", "/health", "/metrics",
         "/bars/newest?symbol=NVDA", "/forecasts")  # fmt: skip


def test_reading_is_open_here_and_changing_never_is(api: TestClient) -> None:
    for path in READS:
        assert api.get(path).status_code != 401
    answer = api.post("/reload-model")
    assert answer.status_code == 403
    assert "BULLION_API_KEYS" in problem(answer).hint


def test_other_machines_need_a_key_even_where_there_is_none(scored_folder: Path) -> None:
    for settings, status in ({}, 401), ({"open": "true"}, 200):
        with api_at(scored_folder, **settings) as client:
            away = TestClient(client.app, base_url="http://localhost")
            scope_server = ("192.0.2.1", 8000)
            app = client.app

            async def elsewhere(scope, receive, send, app=app, server=scope_server):  # type: ignore[no-untyped-def]
                await app(scope | {"server": server}, receive, send)

            away = TestClient(elsewhere, base_url="http://localhost")
            for path in ("/signal/index", "/forecasts"):
                assert away.get(path).status_code == status


def test_once_there_are_keys_every_call_needs_one(scored_folder: Path) -> None:
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


def test_a_key_that_asks_too_often_waits_and_the_others_do_not(scored_folder: Path) -> None:
    with api_at(scored_folder, keys="alpha,beta", requests_per_minute="3") as client:
        told = [client.get("/signal/index", headers={"X-API-Key": "alpha"}) for _ in range(4)]
        assert [one.status_code for one in told] == [200, 200, 200, 429]
        assert int(told[-1].headers["retry-after"]) > 0
        assert problem(told[-1]).type == "too_many_requests"
        assert client.get("/signal/index", headers={"X-API-Key": "beta"}).status_code == 200


def test_keys_are_kept_as_digests_and_never_printed() -> None:
    made = Settings(keys="alpha")  # type: ignore[arg-type]
    assert "alpha" not in repr(made)
    assert "alpha" not in repr(vars(Keys(made)))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io"])
def test_a_host_that_is_not_ours_is_refused(api: TestClient, host: str) -> None:
    answer = api.get("/signal/index", headers={"Host": host})
    assert answer.status_code == 400
    assert problem(answer).type == "unknown_host"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_this_machine_is_known_by_all_its_names(api: TestClient, host: str) -> None:
    assert api.get("/signal/index", headers={"Host": host}).status_code == 200


def test_a_page_of_another_site_may_not_listen(api: TestClient) -> None:
    for origin, welcome in (("https://evil.example", False), ("http://localhost:8501", True)):
        try:
            with api.websocket_connect(STREAM, headers={"Origin": origin}) as one:
                assert one.receive_json()["type"] == "state"
                assert welcome
        except WebSocketDisconnect:
            assert not welcome


def test_a_body_that_is_too_large_is_refused_told_or_not(scored_folder: Path) -> None:
    with api_at(scored_folder, body_bytes="2048") as client:
        told = client.post("/predict", content=b"x" * 4096)
        pieces = client.post("/predict", content=(b"x" * 512 for _ in range(8)))
        for answer in (told, pieces):
            assert answer.status_code == 413
            assert problem(answer).type == "too_large"
