"""The Origin of a request: a page of another origin may send nothing."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from serving.http.origins import is_same_origin
from tests.serving.scored_api import problem

HOST = {"Host": "localhost:8000"}


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (None, True),
        ("http://localhost:8000", True),
        ("HTTP://LOCALHOST:8000", True),
        ("http://localhost:8080", False),
        ("http://localhost", False),
        ("https://evil.example", False),
        ("http://localhost:8000.evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
        ("localhost:8000", False),
        ("ftp://localhost:8000", False),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/predict_batch", "/reload-model"])
def test_a_page_of_another_origin_may_send_nothing(
    api: TestClient, path: str, origin: str | None, welcome: bool
) -> None:
    headers = HOST | ({} if origin is None else {"Origin": origin})
    answer = api.post(path, content="symbol", headers=headers | {"Content-Type": "text/plain"})
    is_refused = answer.status_code == 403 and "origin" in problem(answer).message
    assert is_refused is not welcome
    assert api.get("/signal/index", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("origin", "host", "is_same"),
    [
        (b"https://api.example", b"API.example", True),
        (b"http://api.example:80", b"api.example", False),  # browsers leave the usual port out
        (b"http://api.example@evil.example", b"evil.example", False),
        (b"file://api.example", b"api.example", False),
        (b"api.example", b"api.example", False),
        (b"http://", b"", True),  # an empty Host is refused before
    ],
)
def test_an_origin_is_compared_as_it_stands(origin: bytes, host: bytes, is_same: bool) -> None:
    assert is_same_origin(origin, host) is is_same
