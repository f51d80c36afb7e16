"""The newest bar over HTTP, and the errors of its route."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from httpx import Response
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import steps
from pipelines.core.calendar import interval_of
from pipelines.steps.lake import open_lake
from serving.http.formats import ARROW, CSV
from serving.schemas.bars import AllBarSeries, Bar, BarHistory
from tests.scripted import Scripted, bar_row, bars_table, hours
from tests.serving.scored_api import api_at, problem, wait_until

START, END = "2026-09-01T00:00", "2026-09-03T00:00"
OPENS = hours(START, END)
DEEP_OPENS = hours(START, "2026-10-01T00:00")


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
        wait_until(lambda: client.get("/bars/series").is_success)
        yield client


@pytest.fixture(scope="module")
def deep_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A month of NVDA: enough for every indicator but the longest averages."""
    with api_at(tmp_path_factory.mktemp("lake")) as client:
        rows = [bar_row("NVDA", ts, 500.0 + n % 7) for n, ts in enumerate(DEEP_OPENS)]
        ingest(rows, "2026-10-01T00:00")
        wait_until(lambda: client.get("/bars/series").is_success)
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


def history(client: TestClient, query: str = "", **headers: str) -> Response:
    return client.get(f"/bars/history?symbol=NVDA&source=scripted{query}", headers=headers)


def test_series_say_what_bars_there_are(filled_api: TestClient) -> None:
    answer = filled_api.get("/bars/series")
    rows = AllBarSeries.model_validate_json(answer.text).rows
    assert [row.symbol for row in rows] == ["AAPL", "NVDA"]
    for row in rows:
        assert (row.source, row.interval, row.calendar) == ("scripted", "1h", "XNYS")
        assert row.time_zone == "America/New_York"
        assert (row.first, row.last, row.bars) == (OPENS[0], OPENS[-1], len(OPENS))
        assert row.last_closes_at == datetime(2026, 9, 2, 20, tzinfo=UTC)
    again = {"If-None-Match": answer.headers["etag"]}
    assert filled_api.get("/bars/series", headers=again).status_code == 304


def test_series_follow_the_lake(empty_api: TestClient) -> None:
    ingest([bar_row("NVDA", OPENS[0], 500.0)])
    wait_until(lambda: empty_api.get("/bars/series").is_success)
    assert [row["bars"] for row in empty_api.get("/bars/series").json()["rows"]] == [1]
    ingest([bar_row("NVDA", OPENS[1], 501.0)])
    assert [row["bars"] for row in empty_api.get("/bars/series").json()["rows"]] == [2]


def test_pages_of_bars_give_every_bar_once_the_newest_first(filled_api: TestClient) -> None:
    body = BarHistory.model_validate_json(history(filled_api).text)
    assert [row.ts for row in body.rows] == OPENS[::-1]
    assert [row.close for row in body.rows] == [500.0 + n for n in range(len(OPENS))][::-1]
    assert (body.data_source, body.sample, body.next) == ("scripted", False, None)
    assert {row.bars for row in body.rows} == {1}
    rows, cursor = [], ""
    while cursor is not None:
        page = history(filled_api, f"&limit=3{cursor and '&cursor=' + cursor}").json()
        rows += page["rows"]
        cursor = page["next"]
    assert rows == history(filled_api).json()["rows"]


def test_an_indicator_is_the_same_whatever_range_it_is_asked_for_in(deep_api: TestClient) -> None:
    indicators = "&indicators=rsi_14,bollinger_20,ema_50"
    whole = {row["ts"]: row for row in history(deep_api, indicators).json()["rows"]}
    assert len(whole) == len(DEEP_OPENS)
    start = DEEP_OPENS[-3].strftime("%Y-%m-%dT%H:%M:%SZ")
    for query in (f"&start={start}", "&limit=2"):
        rows = history(deep_api, indicators + query).json()["rows"]
        assert rows
        for row in rows:
            assert row == whole[row["ts"]]
            assert row["rsi_14"] is not None
            assert row["bollinger_low_20"] < row["bollinger_high_20"]
    # 147 bars are too few for an average that looks at 250.
    assert {row["ema_50"] for row in whole.values()} == {None}
    assert "macd_12_26" not in next(iter(whole.values()))


def test_candles_join_the_whole_range_with_the_indicators_of_their_last_bar(
    deep_api: TestClient,
) -> None:
    indicators = "&indicators=sma_20,macd"
    bars = history(deep_api, indicators).json()["rows"]
    body = BarHistory.model_validate_json(history(deep_api, f"{indicators}&candles=10").text)
    assert len(body.rows) == 10
    assert sum(row.bars for row in body.rows) == len(bars) == len(DEEP_OPENS)
    by_close = {row["closes_at"]: row for row in bars}
    for row in body.model_dump(mode="json")["rows"]:
        last = by_close[row["closes_at"]]
        for name in ("close", "sma_20", "macd_12_26", "macd_histogram_12_26_9"):
            assert row[name] == last[name]
    assert body.rows[0].sma_20 == sum(row["close"] for row in bars[:20]) / 20
    assert body.rows[-1].sma_20 is None
    assert max(row["high"] for row in bars) == max(row.high for row in body.rows)


def test_bars_are_the_same_in_all_formats(deep_api: TestClient) -> None:
    query = "&indicators=sma_20&limit=80"
    rows = history(deep_api, query).json()["rows"]
    table = pa.ipc.open_stream(history(deep_api, query, Accept=ARROW).content).read_all()
    lines = history(deep_api, query, Accept=CSV).text.splitlines()
    for name in ("close", "volume", "bars", "sma_20"):
        assert table[name].to_pylist() == [row[name] for row in rows]
    assert lines[0].replace('"', "").split(",") == list(rows[0])
    assert len(lines) == 81


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("&indicators=sma_21", 422, "indicators"),
        ("&indicators=sma_20,", 422, "indicators"),
        ("&candles=0", 422, "candles"),
        ("&candles=5001", 422, "candles"),
        ("&candles=5&cursor=WyIyMDI2LTA5LTAxVDAwOjAwOjAwWiJd", 422, "cursor"),
        ("&interval=1d", 404, None),
        ("&start=2026-09-01", 422, "start"),
    ],
)
def test_a_wrong_range_of_bars_is_refused_with_a_hint(
    filled_api: TestClient, query: str, status: int, field: str | None
) -> None:
    answer = history(filled_api, query)
    assert answer.status_code == status
    assert problem(answer).field == field
    assert problem(answer).hint


def test_a_range_without_bars_is_empty_and_no_error(filled_api: TestClient) -> None:
    for query in ("", "&candles=5", "&indicators=sma_20"):
        answer = history(filled_api, f"&start=2026-09-03T00:00:00Z{query}")
        assert (answer.status_code, answer.json()["rows"]) == (200, [])


def test_more_bars_than_can_be_joined_are_refused(
    filled_api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.routes.bars.MOST_JOINED", 13)
    answer = history(filled_api, "&candles=2")
    assert answer.status_code == 413
    assert "start" in problem(answer).hint
    assert history(filled_api, "&candles=2&start=2026-09-02T00:00:00Z").status_code == 200


def test_the_source_of_the_api_is_the_default(deep_api: TestClient) -> None:
    answer = deep_api.get("/bars/history?symbol=NVDA")
    assert answer.status_code == 404
    assert problem(answer).message == "sample has no 1h bar of 'NVDA'"
