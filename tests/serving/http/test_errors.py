"""Errors have one shape, and none reveals where the server keeps its files."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

import pipelines.cli  # noqa: F401 -- it imports every class of error that there is
from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.lake.compaction import compact
from pipelines.steps.lake import open_lake
from serving.http.errors import install_handlers
from tests.serving.process import environment_of
from tests.serving.scored_api import api_at, problem, wait_until

SECRET = "/srv/secret/catalog.sqlite on db.internal.example:5432"
GETS = ("/signal/index", "/signals/history", "/predictions/history", "/models/decisions",
        "/predict/component?symbol=NVDA", "/bars/newest?symbol=NVDA", "/forecasts", "/model-info",
        "/health", "/forecasts/nasdaq100_hourly/latest")  # fmt: skip
KEY = {"X-API-Key": "secret"}


def kinds(parent: type[BullionError] = BullionError) -> Iterator[type[BullionError]]:
    """Yield a class of errors and its subclasses, without those that only the API raises."""
    if parent.__module__.startswith("pipelines"):
        yield parent
    for child in parent.__subclasses__():
        yield from kinds(child)


def answer_to(error: Exception) -> TestClient:
    """Return an API whose only route raises this error."""
    app = FastAPI()
    app.state.follower = SimpleNamespace(trouble=None)
    install_handlers(app)

    @app.get("/")
    def fail() -> None:
        raise error

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("kind", sorted(set(kinds()), key=lambda kind: kind.__qualname__))
def test_an_error_of_the_server_shows_only_its_summary(
    kind: type[BullionError], caplog: pytest.LogCaptureFixture
) -> None:
    if issubclass(kind, InvalidRequest):  # the request is wrong: the caller gets the whole message
        assert problem(answer_to(kind("no symbol 'X'", "send it")).get("/")).hint == "send it"
        return
    with caplog.at_level(logging.WARNING):
        answer = answer_to(kind(f"cannot open {SECRET}", f"look at {SECRET}")).get("/")
    assert answer.status_code >= 500
    assert not any(part in answer.text for part in SECRET.split())
    assert problem(answer).hint == "ask the operator to see the API's log"
    assert SECRET in caplog.text
    summed_up = kind(f"cannot open {SECRET}", "make one", "it cannot be opened")
    body = problem(answer_to(summed_up).get("/"))
    assert (body.message, body.hint) == ("it cannot be opened", "make one")


@pytest.mark.parametrize("error", [ValueError(SECRET), OSError(2, "No such file", SECRET)])
def test_an_unexpected_error_reveals_nothing(error: Exception) -> None:
    answer = answer_to(error).get("/")
    assert answer.status_code == 500
    assert not any(part in answer.text for part in SECRET.split())


def fill_with_nonsense(folder: Path) -> None:
    (folder / "catalog.sqlite").write_bytes(b"no catalog " * 1000)


def make_a_folder(folder: Path) -> None:
    (folder / "catalog.sqlite").mkdir()


def leave_empty(folder: Path) -> None:
    assert not (folder / "catalog.sqlite").exists()


@pytest.mark.parametrize("spoil", [fill_with_nonsense, make_a_folder, leave_empty])
@pytest.mark.parametrize("uri", ["", "{}/model.onnx", "file://{}/garbage.onnx", "s3://{}/a.onnx"])
def test_no_answer_names_a_path_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], uri: str
) -> None:
    folder = tmp_path / "very-secret"
    folder.mkdir()
    for name, value in environment_of(folder, 8000).items():
        monkeypatch.setenv(name, value)
    spoil(folder)
    (folder / "garbage.onnx").write_bytes(b"no model")
    monkeypatch.setenv("MODEL_URI", uri.format(folder))
    monkeypatch.setenv("BULLION_MODEL_SHA256", "0" * 64)
    with api_at(folder, keys="secret") as client:
        wait_until(client.app.state.models.looked.is_set)  # type: ignore[attr-defined]
        answers = [client.get(path, headers=KEY) for path in GETS]
        answers.append(client.post("/reload-model", headers=KEY))
        answers.append(client.post("/predict", headers=KEY, json={"indicators": {"a": 1}}))
    assert [a.status_code for a in answers if a.status_code >= 500]
    for answer in answers:
        assert_names_no_path(answer)


def assert_names_no_path(answer: Response) -> None:
    for part in ("very-secret", "Traceback", ".sqlite", ".onnx", ".parquet", ".py"):
        assert part not in answer.text, (answer.url, answer.text)


def test_the_error_of_a_lost_file_does_not_name_its_path(
    scored_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "very-secret"
    shutil.copytree(scored_folder, folder)
    for name, value in environment_of(folder, 8000).items():
        monkeypatch.setenv(name, value)
    with open_lake() as lake:
        compact(lake)  # moves the rows from the catalog to files
    with api_at(folder) as client:
        (folder / "files").rename(folder / "elsewhere")
        answer = client.get("/predictions/history?live=false")
        assert answer.status_code == 503
        assert problem(answer).message == "a file of the lake is missing"
        assert_names_no_path(answer)
