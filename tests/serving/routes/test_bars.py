"""The newest bar over HTTP, and how failures leave the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import steps
from pipelines.core.calendar import interval_of
from pipelines.steps.lake import open_lake
from serving.routes.bars import Bar
from serving.settings import Settings
from tests.scripted import Scripted, bar_row, bars_table, hours
from tests.serving.served import api_at, problem

START, END = "2026-09-01T00:00", "2026-09-03T00:00"
OPENS = hours(START, END)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[TestClient]:
    with api_at(tmp_path) as client:
        yield client


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Two sessions of AAPL and NVDA; no test may write to it."""
    with api_at(tmp_path_factory.mktemp("lake")) as client:
        ingest(
            [
                bar_row(symbol, ts, first + n)
                for symbol, first in (("AAPL", 100.0), ("NVDA", 500.0))
                for n, ts in enumerate(OPENS)
            ]
        )
        yield client


def ingest(rows: list[dict[str, object]], end: str = END) -> int:
    span = (datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (START, end))
    with open_lake() as lake:
        report = steps.ingest(lake, Scripted(bars_table(rows)), [], interval_of("1h"), *span)
    return report.snapshot


def newest(client: TestClient, **params: str) -> Response:
    return client.get("/bars/newest", params={"symbol": "NVDA", "source": "scripted"} | params)


def test_the_newest_bar_is_answered_as_it_was_written(filled: TestClient) -> None:
    answer = newest(filled)
    assert answer.status_code == 200
    said = Bar.model_validate_json(answer.text)
    wanted = bar_row("NVDA", OPENS[-1], 500.0 + len(OPENS) - 1)
    assert said.model_dump(include=set(wanted)) == wanted
    assert (said.source, said.interval) == ("scripted", "1h")
    assert said.closes_at == datetime(2026, 9, 2, 20, tzinfo=UTC)
    assert said.snapshot >= said.batch > 0


def test_a_later_commit_is_seen_without_a_restart(empty: TestClient) -> None:
    ingest([bar_row("NVDA", OPENS[0], 500.0)])
    before = newest(empty).json()
    snapshot = ingest([bar_row("NVDA", OPENS[1], 501.0)])
    after = newest(empty).json()
    assert (before["close"], after["close"]) == (500.0, 501.0)
    assert after["snapshot"] == after["batch"] == snapshot > before["snapshot"]


@pytest.mark.parametrize("other", [{"source": "sample"}, {"interval": "1d"}, {"symbol": "MSFT"}])
def test_rows_of_another_series_are_never_answered(
    filled: TestClient, other: dict[str, str]
) -> None:
    answer = newest(filled, **other)
    assert answer.status_code == 404
    assert problem(answer).type == "not_found"
    assert problem(answer).hint


def test_a_misspelt_symbol_is_told_the_nearest(filled: TestClient) -> None:
    assert problem(newest(filled, symbol="NVDIA")).hint == "did you mean NVDA?"


def test_a_wrong_parameter_is_named_with_what_to_do(filled: TestClient) -> None:
    answer = newest(filled, interval="1hr")
    assert answer.status_code == 422
    said = problem(answer)
    assert (said.type, said.field) == ("invalid_request", "interval")
    assert said.message == "unknown interval '1hr'"
    assert said.hint.startswith("did you mean 1h")


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("GET", "/bars/newest", 422, "symbol"),
        ("GET", "/bars/newest?symbol=", 422, "symbol"),
        ("GET", "/bars/newest?symbol=NV%00DA", 422, "symbol"),
        ("GET", "/bars/newest?symbol=NVDA&source=" + "x" * 65, 422, "source"),
        ("GET", "/bars/oldest", 404, None),
        ("POST", "/bars/newest", 405, None),
    ],
)
def test_every_failure_has_the_one_shape(
    filled: TestClient, method: str, path: str, status: int, field: str | None
) -> None:
    answer = filled.request(method, path)
    assert answer.status_code == status
    assert problem(answer).field == field
    assert problem(answer).hint


@settings(max_examples=50, deadline=None)
@given(symbol=st.text(max_size=70), source=st.text(max_size=70))
def test_no_parameter_breaks_the_api(filled: TestClient, symbol: str, source: str) -> None:
    answer = newest(filled, symbol=symbol, source=source)
    assert answer.status_code in (404, 422), answer.text
    problem(answer)


def test_without_a_lake_it_says_so_and_recovers_once_there_is_one(empty: TestClient) -> None:
    for path in ("/signal/index", "/bars/newest?symbol=NVDA"):
        answer = empty.get(path)
        assert answer.status_code == 503
        assert problem(answer).type == "lake_unavailable"
        assert "bullion ingest" in problem(answer).hint
    ingest([bar_row("NVDA", OPENS[0], 500.0)])
    assert newest(empty).status_code == 200


def test_what_nobody_foresaw_is_told_without_its_insides(
    filled: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.routes.bars.COLUMNS", "no_such_column")
    answer = newest(filled)
    assert answer.status_code == 500
    assert problem(answer).type == "internal"
    assert "no_such_column" not in answer.text


def test_it_listens_on_this_machine_only_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BULLION_API_HOST", raising=False)
    assert Settings().host == "127.0.0.1"
