"""The newest bar over HTTP, and the errors of its route."""

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
from tests.scripted import Scripted, bar_row, bars_table, hours
from tests.serving.scored_api import api_at, problem

START, END = "2026-09-01T00:00", "2026-09-03T00:00"
OPENS = hours(START, END)


@pytest.fixture
def empty_api(tmp_path: Path) -> Iterator[TestClient]:
    with api_at(tmp_path) as client:
        yield client


@pytest.fixture(scope="module")
def filled_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
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


def test_the_newest_bar_is_answered_as_it_was_ingested(filled_api: TestClient) -> None:
    answer = newest(filled_api)
    assert answer.status_code == 200
    bar = Bar.model_validate_json(answer.text)
    expected = bar_row("NVDA", OPENS[-1], 500.0 + len(OPENS) - 1)
    assert bar.model_dump(include=set(expected)) == expected
    assert (bar.source, bar.interval) == ("scripted", "1h")
    assert bar.closes_at == datetime(2026, 9, 2, 20, tzinfo=UTC)
    assert bar.snapshot >= bar.batch > 0


def test_a_later_commit_is_seen_without_a_restart(empty_api: TestClient) -> None:
    ingest([bar_row("NVDA", OPENS[0], 500.0)])
    first = newest(empty_api).json()
    snapshot = ingest([bar_row("NVDA", OPENS[1], 501.0)])
    second = newest(empty_api).json()
    assert (first["close"], second["close"]) == (500.0, 501.0)
    assert second["snapshot"] == second["batch"] == snapshot > first["snapshot"]


@pytest.mark.parametrize("filters", [{"source": "sample"}, {"interval": "1d"}, {"symbol": "MSFT"}])
def test_a_bar_of_another_series_is_never_answered(
    filled_api: TestClient, filters: dict[str, str]
) -> None:
    answer = newest(filled_api, **filters)
    assert answer.status_code == 404
    assert problem(answer).type == "not_found"
    assert problem(answer).hint


def test_the_error_of_a_misspelt_symbol_suggests_the_nearest(filled_api: TestClient) -> None:
    assert problem(newest(filled_api, symbol="NVDIA")).hint == "did you mean NVDA?"


def test_a_wrong_parameter_is_named_with_what_to_do(filled_api: TestClient) -> None:
    answer = newest(filled_api, interval="1hr")
    assert answer.status_code == 422
    error = problem(answer)
    assert (error.type, error.field) == ("invalid_request", "interval")
    assert error.message == "unknown interval '1hr'"
    assert error.hint.startswith("did you mean 1h")


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
def test_every_failure_is_answered_in_one_shape(
    filled_api: TestClient, method: str, path: str, status: int, field: str | None
) -> None:
    answer = filled_api.request(method, path)
    assert answer.status_code == status
    assert problem(answer).field == field
    assert problem(answer).hint


@settings(max_examples=50, deadline=None)
@given(symbol=st.text(max_size=70), source=st.text(max_size=70))
def test_no_parameter_breaks_the_api(filled_api: TestClient, symbol: str, source: str) -> None:
    answer = newest(filled_api, symbol=symbol, source=source)
    assert answer.status_code in (404, 422), answer.text
    problem(answer)


def test_the_api_answers_503_without_a_lake_and_recovers_once_there_is_one(
    empty_api: TestClient,
) -> None:
    for path in ("/signal/index", "/bars/newest?symbol=NVDA"):
        answer = empty_api.get(path)
        assert answer.status_code == 503
        assert problem(answer).type == "lake_unavailable"
        assert "bullion ingest" in problem(answer).hint
    ingest([bar_row("NVDA", OPENS[0], 500.0)])
    assert newest(empty_api).status_code == 200


def test_an_unexpected_error_of_the_lake_shows_no_sql(
    filled_api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.routes.bars.COLUMNS", "no_such_column")
    answer = newest(filled_api)
    assert answer.status_code == 500
    assert problem(answer).type == "internal"
    assert "no_such_column" not in answer.text
