"""What yahoo does when Yahoo answers badly, late or not at all."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.core.calendar import interval_of
from pipelines.core.errors import InvalidRequest, SourceError, SourceUnavailable
from pipelines.sources.base import Request
from pipelines.sources.yahoo import Yahoo
from pipelines.sources.yahoo.http import Busy, Patience, retry
from tests.servers.yahoo import Fault, YahooServer

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
HTML = "<!DOCTYPE html><html><body>Will be right back</body></html>"
BARS = [
    {"ts": datetime(2026, 11, day, tzinfo=UTC), "open": 9.0, "high": 10.0, "low": 8.0,
     "close": 9.5, "volume": 100.0}
    for day in (16, 17, 18, 19)
]  # fmt: skip
ASKED = Request(
    ("AAPL",),
    interval_of("1d"),
    datetime(2026, 11, 16, tzinfo=UTC),
    datetime(2026, 11, 20, tzinfo=UTC),
    NOW,
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with YahooServer() as made:
        made.now = lambda: NOW
        made.add("AAPL", "1d", BARS)
        monkeypatch.setenv("BULLION_YAHOO_URL", made.url)
        yield made


def patient(slept: list[float] | None = None, **how: Any) -> Yahoo:
    waits = slept if slept is not None else []
    return Yahoo(Patience(**({"timeout": 5.0} | how)), sleep=waits.append, now=lambda: NOW)


def count(source: Yahoo) -> int:
    (answer,) = source.fetch(ASKED)
    return source.parse(answer).bars.num_rows


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(status=500),
        Fault(status=503),
        Fault(status=401),
        Fault(body=HTML),
        Fault(cut=100),
        Fault(body=""),
    ],
    ids=lambda fault: str(fault.status) + (fault.body or "")[:5] + str(fault.cut or ""),
)
def test_a_passing_fault_is_waited_out(server: YahooServer, fault: Fault) -> None:
    server.fail(fault, times=4)
    slept: list[float] = []
    assert count(patient(slept)) == 4
    assert slept
    assert all(wait <= 1.0 * 2**n for n, wait in enumerate(slept))


@pytest.mark.parametrize(
    ("fault", "word"),
    [(Fault(status=429), "429"), (Fault(status=502), "502"), (Fault(body=HTML), "<!DOCTYPE html>")],
)
def test_a_lasting_fault_ends_with_what_was_tried_and_what_to_do(
    server: YahooServer, fault: Fault, word: str
) -> None:
    server.fail(fault, times=None)
    slept: list[float] = []
    with pytest.raises(SourceUnavailable) as caught:
        count(patient(slept, tries=4))
    text = str(caught.value)
    assert "AAPL" in text
    assert "tried 4 times" in text
    assert word in text
    assert "later" in caught.value.hint
    assert len(slept) == 3
    assert 4 <= len(server.charts()) <= 8  # yfinance itself asks twice, with another cookie


def test_while_yahoo_is_down_the_next_piece_gets_one_try(server: YahooServer) -> None:
    server.fail(Fault(status=503), times=6)  # two tries and one, at two requests each
    source = patient(tries=2)
    for tried in ("tried 2 times", "tried once"):
        with pytest.raises(SourceUnavailable, match=tried):
            count(source)
    with pytest.raises(SourceError, match="AAPLE"):  # an answer, if a bad one: no longer down
        list(source.fetch(replace(ASKED, symbols=("AAPLE",))))
    server.fail(Fault(status=503), times=2)
    assert count(source) == 4


def test_retry_after_is_honoured_and_a_long_one_ends_the_run_at_once(server: YahooServer) -> None:
    server.fail(Fault(status=429, headers={"Retry-After": "7"}), times=2)
    slept: list[float] = []
    assert count(patient(slept)) == 4
    assert slept == [7.0]
    server.fail(Fault(status=429, headers={"Retry-After": "3600"}), times=None)
    with pytest.raises(SourceUnavailable, match="3600 s"):
        count(patient(slept))
    assert slept == [7.0]


def test_a_server_that_hangs_is_not_waited_for(server: YahooServer) -> None:
    server.fail(Fault(delay=0.6), times=None)
    with pytest.raises(SourceUnavailable, match=r"AAPL(.|\n)*tried 2 times(.|\n)*Timeout"):
        count(patient(tries=2, timeout=0.2))


def test_a_refused_connection_is_told_as_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("BULLION_YAHOO_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(SourceUnavailable, match=r"AAPL(.|\n)*tried 2 times(.|\n)*Connect"):
        count(patient(tries=2))


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_YAHOO_URL", "localhost:1")
    with pytest.raises(InvalidRequest, match="BULLION_YAHOO_URL"):
        count(patient())


def test_the_deadline_bounds_the_whole() -> None:
    clock = iter([0.0, 100.0, 290.0])

    def busy() -> None:
        raise Busy("HTTP 503", 20.0)

    with pytest.raises(SourceUnavailable, match="tried 2 times in 290 s"):
        retry(busy, "AAPL", Patience(), sleep=lambda _: None, clock=lambda: next(clock))


def test_an_unknown_symbol_is_named(server: YahooServer) -> None:
    with pytest.raises(SourceError, match="no symbol 'AAPLE'") as caught:
        list(patient().fetch(replace(ASKED, symbols=("AAPLE",))))
    assert not isinstance(caught.value, SourceUnavailable)
    assert "lookup" in caught.value.hint


def test_what_came_before_a_failing_symbol_is_kept(server: YahooServer) -> None:
    answers = patient().fetch(replace(ASKED, symbols=("AAPL", "AAPLE")))
    assert next(answers).asked["symbol"] == "AAPL"
    with pytest.raises(SourceError, match="AAPLE"):
        next(answers)


def chart(change: Callable[[dict[str, Any]], object]) -> Callable[[Any], Any]:
    """Change the one result of a chart."""

    def edit(data: Any) -> Any:
        change(data["chart"]["result"][0])
        return data

    return edit


def quote(result: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = result["indicators"]["quote"][0]
    return made


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
def test_an_answer_of_another_form_is_refused_whole_and_said_why(
    server: YahooServer, edit: Callable[[Any], Any], word: str
) -> None:
    server.fail(Fault(edit=edit), times=None)
    slept: list[float] = []
    with pytest.raises(SourceError, match=word) as caught:
        list(patient(slept).fetch(ASKED))
    assert "AAPL" in caught.value.message
    assert caught.value.hint
    assert slept == []


def test_no_bars_where_some_have_closed_is_an_error(server: YahooServer) -> None:
    server.add("GONE", "1d", [])
    with pytest.raises(SourceError, match=r"GONE(.|\n)*4 have closed(.|\n)*delisted"):
        list(patient().fetch(replace(ASKED, symbols=("GONE",))))


def test_a_kept_body_that_is_no_chart_is_told_when_read(server: YahooServer) -> None:
    (answer,) = patient().fetch(ASKED)
    for body in (b"", HTML.encode(), answer.body[:-20], b"\xff\xfe"):
        with pytest.raises(SourceError, match="AAPL"):
            Yahoo().parse(replace(answer, body=body))
