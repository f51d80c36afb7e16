"""The smoke test sees a wrong model file, an API without the signal, and no other lake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from include.deploy import smoke
from include.deploy.smoke import SmokeError, check_model_file, own_environment, sessions, signal
from pipelines.lake import Lake
from tests.servers.in_thread import serve_in_thread
from tests.steps.served import HOURLY, fresh_registry, train_model

CLOSES_AT = datetime(2026, 9, 1, 20, tzinfo=UTC)


def test_sessions_follow_the_calendar() -> None:
    saturday = datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert sessions(saturday)[-2:] == [
        datetime(2026, 11, 25, 21, tzinfo=UTC),  # the eve of Thanksgiving
        datetime(2026, 11, 27, 18, tzinfo=UTC),  # a half-day
    ]


def test_the_environment_names_a_lake_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BULLION_LAKE_DATA", "BULLION_SOURCE", "MLFLOW_TRACKING_URI", "AWS_REGION"):
        monkeypatch.setenv(name, "another")
    environment = own_environment(tmp_path)
    assert "another" not in environment.values()
    assert environment["BULLION_LAKE_DATA"] == str(tmp_path / "files")
    assert environment["BULLION_SOURCE"] == "sample"
    assert "PATH" in environment


def test_a_model_file_is_compared_with_the_lakes_record(lake: Lake, tmp_path: Path) -> None:
    registry = fresh_registry(tmp_path / "mlflow")
    train_model(lake, registry, HOURLY)
    environment = {"MLFLOW_TRACKING_URI": registry.uri}
    [(recorded,)] = lake.rows("SELECT sha256 FROM gold.model_decisions")
    assert check_model_file(environment) == recorded
    with lake.write() as writer:
        writer.touch("gold.model_decisions")
        writer.run("UPDATE gold.model_decisions SET sha256 = repeat('0', 64)")
    with pytest.raises(SmokeError, match=f"is {recorded[:12]}, the lake says 000000000000"):
        check_model_file(environment)


class Handler(BaseHTTPRequestHandler):
    """An API that has the signal of an older bar until its third answer."""

    keys: list[str | None]

    def do_GET(self) -> None:
        self.keys.append(self.headers.get("X-API-Key"))
        hour = 20 if len(self.keys) >= 3 else 19
        self.send_response(503 if len(self.keys) == 1 else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"closes_at": f"2026-09-01T{hour}:00:00Z"}).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("include.deploy.smoke.time.sleep", lambda _: None)
    Handler.keys = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    with serve_in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_the_signal_of_the_newest_bar_is_waited_for(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_API_KEYS", "first,second")
    assert signal(api, CLOSES_AT) == {"closes_at": "2026-09-01T20:00:00Z"}
    assert Handler.keys == ["first"] * 3


def test_an_api_without_the_signal_fails_with_its_last_answer(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "ANSWERS_WITHIN", 0.2)
    with pytest.raises(SmokeError, match=r"gives no signal of 2026-09-02 20:00: .*closes_at"):
        signal(api, CLOSES_AT.replace(day=2))
