"""An answer that is no chart, or a chart of another request, is refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipelines.core.calendar import calendar
from pipelines.core.errors import SourceError
from pipelines.sources.yahoo import Yahoo
from pipelines.sources.yahoo.answer import KINDS, ZONES, chart_of, market_of
from tests.servers.yahoo import Fault, YahooServer
from tests.sources.yahoo.daily import HTML, REQUEST, patient


def chart(change: Callable[[dict[str, Any]], object]) -> Callable[[Any], Any]:
    """Change the one result of a chart."""

    def edit(data: Any) -> Any:
        change(data["chart"]["result"][0])
        return data

    return edit


def quote(result: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = result["indicators"]["quote"][0]
    return values


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (chart(lambda r: quote(r).pop("close")), "close"),
        (chart(lambda r: quote(r)["low"].pop()), "low"),
        (chart(lambda r: quote(r).update(high=["a", "b", "c", "d"])), "high|numbers"),
        (chart(lambda r: r.pop("timestamp")), "timestamps"),
        (chart(lambda r: r["timestamp"].pop()), "timestamps"),
        (chart(lambda r: r["timestamp"].__setitem__(0, "monday")), "numbers"),
        (chart(lambda r: r.pop("indicators")), "indicators"),
        (chart(lambda r: r.pop("meta")), "meta"),
        (chart(lambda r: r["meta"].pop("exchangeTimezoneName")), "exchangeTimezoneName"),
        (chart(lambda r: r["meta"].update(exchangeTimezoneName="Mars/Base")), "Mars/Base"),
        (chart(lambda r: r["meta"].update(symbol="MSFT")), "MSFT"),
        (chart(lambda r: r["meta"].update(dataGranularity="1wk")), "1wk"),
        (chart(lambda r: r.update(events={"splits": {"1": {"date": 1}}})), "splits"),
        (
            chart(
                lambda r: r.update(
                    events={"splits": {"1": {"date": 1, "numerator": 4, "denominator": 0}}}
                )
            ),
            "split",
        ),
        (lambda data: {"chart": {"result": [], "error": None}}, "empty"),
        (lambda data: {"chart": {"result": None, "error": None}}, "empty"),
        (lambda data: {"quotes": []}, "`chart`"),
        (lambda data: [1, 2], "`chart`"),
        (lambda data: {"chart": {"result": None, "error": {"description": "Oh no"}}}, "Oh no"),
    ],
)
def test_an_answer_of_an_unknown_form_is_refused_with_the_reason(
    daily_server: YahooServer, edit: Callable[[Any], Any], word: str
) -> None:
    daily_server.fail(Fault(edit=edit), times=None)
    waits: list[float] = []
    with pytest.raises(SourceError, match=word) as caught:
        list(patient(waits).fetch(REQUEST))
    assert "AAPL" in caught.value.message
    assert caught.value.hint
    assert waits == []


def test_no_bars_where_some_have_closed_is_an_error(daily_server: YahooServer) -> None:
    daily_server.add("GONE", "1d", [])
    with pytest.raises(SourceError, match=r"GONE(.|\n)*4 have closed(.|\n)*delisted"):
        list(patient().fetch(replace(REQUEST, symbols=("GONE",))))


def test_a_stored_body_that_is_no_chart_is_refused_when_it_is_read(
    daily_server: YahooServer,
) -> None:
    (answer,) = patient().fetch(REQUEST)
    for body in (b"", HTML.encode(), answer.body[:-20], b"\xff\xfe"):
        with pytest.raises(SourceError, match="AAPL"):
            Yahoo().parse(replace(answer, body=body))


QUERY = {
    "symbol": "AAPL", "interval": "1d", "start": "2026-11-16", "end": "2026-11-20", "status": 200,
    "params": {"interval": "1d"},
}  # fmt: skip


def test_no_trades_in_a_span_are_no_error_but_no_data_is() -> None:
    def body(words: str) -> bytes:
        error = {"code": "Bad Request", "description": words}
        return json.dumps({"chart": {"result": None, "error": error}}).encode()

    assert chart_of(body("Data doesn't exist for startDate = 1, endDate = 2"), QUERY) is None
    with pytest.raises(SourceError, match="no symbol 'AAPL'"):
        chart_of(body("No data found, symbol may be delisted"), QUERY)


def test_the_calendar_is_that_of_the_kind_or_else_of_the_zone() -> None:
    def market(kind: str, zone: str) -> tuple[str, str]:
        meta = {"symbol": "aapl", "instrumentType": kind, "exchangeTimezoneName": zone}
        return market_of("AAPL", {"meta": meta}, QUERY)

    assert market("EQUITY", "Asia/Tokyo") == ("Asia/Tokyo", "XTKS")
    assert market("FUTURE", "America/New_York") == ("America/New_York", "CMES")
    for name in {*KINDS.values(), *ZONES.values()}:
        assert calendar(name).name == name
