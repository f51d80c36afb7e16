"""JSON bodies: their size is checked before they are parsed, outside the event loop."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from pipelines.requests import csv_file
from serving.predict import json_body
from serving.routes import predict as router
from serving.settings import Settings
from tests.serving.hourly_files import file_of, rows_of
from tests.serving.scored_api import problem
from tests.serving.serving_models import NEEDED, build_request

JSON = {"content-type": "application/json"}
NUMBERS = b'{"requests":[' + b"1," * 60_000 + b"1]}"
EMPTIES = b'{"requests":[' + b"{}," * 30_000 + b"{}]}"
REPEATED = b"{" + b'"bars":1,' * 60_000 + b'"bars":1}'


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize(
    "content", [NUMBERS, EMPTIES, REPEATED, b"[" * 60_000, b'{"bars":' * 60_000]
)
def test_more_values_than_are_taken_are_refused(
    client: TestClient, path: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_body, "json", None)  # the body must not even be parsed
    answer = client.post(path, content=content, headers=JSON)
    assert answer.status_code == 413
    assert "50,000 values" in problem(answer).message
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("content", "status", "word"),
    [
        (b'{"requests":[' + b"1," * 40_000 + b"1]}", 413, "40,001 requests"),
        (b'{"requests":[' + b"1," * 100 + b"1]}", 422, "valid dictionary"),
        (b'{"requests":[{"bars":[' + b"{}," * 9_000 + b"{}]}]}", 422, "required"),
        (b"{" + b'"bars":1,' * 40_000 + b'"bars":1}', 422, "40,001 names"),
        (b"{" + b'"requests":[],' * 2 + b'"x":1}', 422, "sent twice"),
        (json.dumps({str(n): n for n in range(900)}).encode(), 422, "required"),
        (json.dumps({str(n): n for n in range(1100)}).encode(), 422, "1,100 names"),
        (b"[" * 5_000 + b"]" * 5_000, 422, "too deeply"),
        (b'{"requests":' + b"1" * 100_000 + b"}", 422, "no JSON"),
        (b'{"requests":[}', 422, "no JSON"),
        (b"\xff", 422, "no JSON"),
    ],
)
def test_a_wrong_body_gets_a_short_error(
    client: TestClient, content: bytes, status: int, word: str
) -> None:
    answer = client.post("/predict/batch", content=content, headers=JSON)
    assert answer.status_code == status
    assert word in problem(answer).message
    assert len(problem(answer).hint.split(", ")) <= 10
    assert len(answer.content) < 1000


def test_ten_errors_are_named_and_the_rest_are_counted(client: TestClient) -> None:
    answer = client.post("/predict", json={f"colour {n}": n for n in range(900)})
    assert answer.status_code == 422
    assert problem(answer).field == "colour 0"
    assert "colour 9 and 890 more" in problem(answer).hint
    assert "colour 10" not in problem(answer).hint


def test_the_largest_request_stays_within_the_limit_of_values() -> None:
    limits = Settings()
    bar = build_request()["bars"][0]
    whole = {"symbol": "NVDA", "interval": "1h", "bars": [bar] * limits.bars}
    batch = {"requests": [build_request(count=NEEDED)] * limits.batch}
    for body in (whole, batch):
        json_body._check_values(json.dumps(body).encode(), limits.values)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_is_read_as_json_only_if_its_content_type_is_json(
    client: TestClient, kind: str | None
) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer = client.post("/predict", content=json.dumps(build_request()).encode(), headers=headers)
    assert answer.status_code == 422
    assert "Content-Type: application/json" in problem(answer).hint
    json_headers = {"content-type": "application/vnd.bars+json; charset=utf-8"}
    answer = client.post(
        "/predict", content=json.dumps(build_request()).encode(), headers=json_headers
    )
    assert answer.status_code == 200


def test_no_body_is_read_on_the_event_loop(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def record_thread(module: Any, name: str) -> None:
        function = getattr(module, name)

        def call(*arguments: Any) -> Any:
            threads.append(threading.get_ident())
            return function(*arguments)

        monkeypatch.setattr(module, name, call)

    record_thread(router, "read_json")
    record_thread(router, "json_response")
    record_thread(router, "extract_file")
    record_thread(csv_file, "read_csv")
    monkeypatch.setattr(
        BaseModel, "model_validate_json", None
    )  # no route may read a body in another way
    content = file_of(*rows_of("NVDA"))
    answers = [
        client.post("/predict", json=build_request()),
        client.post("/predict/batch", json={"requests": [build_request()]}),
        client.post("/predict_batch", content=content),
        client.post("/predict_batch", files={"file": ("bars.csv", content)}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len(threads) >= 10
    assert client.portal is not None
    assert client.portal.call(threading.get_ident) not in threads
