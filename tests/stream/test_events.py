"""Airflow is told of new minutes, and whatever it answers holds nothing up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipelines.stream.events import ASSET, AirflowSettings, NoEvents, ScoringEvents, choose_events
from pipelines.stream.minutes import MINUTE, MinuteBar
from tests.servers.in_thread import serve_in_thread

START = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)


def bar(place: int) -> MinuteBar:
    return MinuteBar("ES", START + place * MINUTE, 1, 1, 1, 1, 1, None, None)


class Airflow:
    """Its tokens are counted; one that was withdrawn is refused."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asset, self.token, self.log_ins = 7, "first", 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def answer(self, method: str, path: str, body: Any, token: str) -> tuple[int, Any]:
        if path == "/auth/token":
            self.log_ins += 1
            right = body == {"username": "admin", "password": "secret"}
            return (201, {"access_token": self.token}) if right else (401, {})
        if token != f"Bearer {self.token}":
            return 401, {}
        if path.startswith("/api/v2/assets?"):
            others = [{"id": 1, "name": f"{ASSET}.other"}]
            return 200, {"assets": [*others, {"id": self.asset, "name": ASSET}]}
        self.may_answer.wait(10)
        if body["asset_id"] != self.asset:
            return 404, {}
        self.events.append(body)
        return 200, {}


@contextmanager
def serve(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScoringEvents]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            token = self.headers.get("Authorization", "")
            status, content = airflow.answer(self.command, self.path, body, token)
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    config = AirflowSettings(
        url=f"http://127.0.0.1:{server.server_address[1]}/", user="admin", password="secret"
    )
    with serve_in_thread(server):
        events = ScoringEvents(config, "sample")
        try:
            yield events
        finally:
            events.stop()


def wait_for(events: ScoringEvents, count: int) -> None:
    deadline = time.monotonic() + 10
    while events.posted < count and time.monotonic() < deadline:
        time.sleep(0.005)
    assert events.posted == count


def test_an_event_names_the_newest_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow()
    with serve(airflow, monkeypatch) as events:
        events.post([bar(1), bar(0)])
        wait_for(events, 1)
        events.post([bar(2)])
        wait_for(events, 2)
    closes = [(START + n * MINUTE).isoformat() for n in (2, 3)]
    assert airflow.events == [
        {"asset_id": 7, "extra": {"source": "sample", "closes_at": at}} for at in closes
    ]
    assert airflow.log_ins == 1


def test_a_token_that_ran_out_and_another_number_are_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    airflow = Airflow()
    with serve(airflow, monkeypatch) as events:
        events.post([bar(0)])
        wait_for(events, 1)
        airflow.token, airflow.asset = "second", 8
        events.post([bar(1)])
        wait_for(events, 2)
    assert [event["asset_id"] for event in airflow.events] == [7, 8]


def test_events_that_come_meanwhile_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow()
    airflow.may_answer.clear()
    with serve(airflow, monkeypatch) as events:
        began = time.monotonic()
        for place in range(50):
            events.post([bar(place)])
        assert time.monotonic() - began < 5  # nothing waits for Airflow
        airflow.may_answer.set()
    assert 1 <= len(airflow.events) <= 2
    newest = (START + timedelta(minutes=50)).isoformat()
    assert airflow.events[-1]["extra"]["closes_at"] == newest


def test_an_airflow_that_is_away_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    events = ScoringEvents(AirflowSettings(url="http://127.0.0.1:1"), "sample")
    for place in range(3):
        events.post([bar(place)])
        time.sleep(0.05)
    events.stop()
    assert events.posted == 0
    assert len(caplog.records) == 1
    assert "ConnectError" in caplog.text


def test_without_an_address_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose_events("sample"), NoEvents)
    monkeypatch.setenv("BULLION_AIRFLOW_URL", "http://127.0.0.1:1")
    events = choose_events("sample")
    assert isinstance(events, ScoringEvents)
    events.stop()
