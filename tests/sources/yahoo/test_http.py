"""What yahoo does when Yahoo answers badly, late or not at all."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from pipelines.core.errors import InvalidRequest, SourceError, SourceUnavailable
from pipelines.sources.yahoo import Yahoo
from tests.servers.yahoo import Fault, YahooServer
from tests.sources.yahoo.daily import HTML, REQUEST, patient


def count(source: Yahoo) -> int:
    (answer,) = source.fetch(REQUEST)
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
def test_a_passing_fault_is_waited_out(daily_server: YahooServer, fault: Fault) -> None:
    daily_server.fail(fault, times=4)
    slept: list[float] = []
    assert count(patient(slept)) == 4
    assert slept
    assert all(wait <= 1.0 * 2**n for n, wait in enumerate(slept))


@pytest.mark.parametrize(
    ("fault", "word"),
    [(Fault(status=429), "429"), (Fault(status=502), "502"), (Fault(body=HTML), "<!DOCTYPE html>")],
)
def test_a_lasting_fault_ends_with_what_was_tried_and_what_to_do(
    daily_server: YahooServer, fault: Fault, word: str
) -> None:
    daily_server.fail(fault, times=None)
    slept: list[float] = []
    with pytest.raises(SourceUnavailable) as caught:
        count(patient(slept, tries=4))
    text = str(caught.value)
    assert "AAPL" in text
    assert "tried 4 times" in text
    assert word in text
    assert "later" in caught.value.hint
    assert len(slept) == 3
    assert 4 <= len(daily_server.charts()) <= 8  # yfinance itself asks twice, with another cookie


def test_while_yahoo_is_down_the_next_piece_gets_one_try(daily_server: YahooServer) -> None:
    daily_server.fail(Fault(status=503), times=6)  # two tries and one, at two requests each
    source = patient(tries=2)
    for tried in ("tried 2 times", "tried once"):
        with pytest.raises(SourceUnavailable, match=tried):
            count(source)
    with pytest.raises(SourceError, match="AAPLE"):  # an answer, if a bad one: no longer down
        list(source.fetch(replace(REQUEST, symbols=("AAPLE",))))
    daily_server.fail(Fault(status=503), times=2)
    assert count(source) == 4


def test_retry_after_is_honoured_and_a_long_one_ends_the_run_at_once(
    daily_server: YahooServer,
) -> None:
    daily_server.fail(Fault(status=429, headers={"Retry-After": "7"}), times=2)
    slept: list[float] = []
    assert count(patient(slept)) == 4
    assert slept == [7.0]
    daily_server.fail(Fault(status=429, headers={"Retry-After": "3600"}), times=None)
    with pytest.raises(SourceUnavailable, match="3600 s"):
        count(patient(slept))
    assert slept == [7.0]


def test_a_server_that_hangs_is_not_waited_for(daily_server: YahooServer) -> None:
    daily_server.fail(Fault(delay=0.6), times=None)
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


def test_an_unknown_symbol_is_named(daily_server: YahooServer) -> None:
    with pytest.raises(SourceError, match="no symbol 'AAPLE'") as caught:
        list(patient().fetch(replace(REQUEST, symbols=("AAPLE",))))
    assert not isinstance(caught.value, SourceUnavailable)
    assert "lookup" in caught.value.hint


def test_what_came_before_a_failing_symbol_is_kept(daily_server: YahooServer) -> None:
    answers = patient().fetch(replace(REQUEST, symbols=("AAPL", "AAPLE")))
    assert next(answers).query["symbol"] == "AAPL"
    with pytest.raises(SourceError, match="AAPLE"):
        next(answers)
