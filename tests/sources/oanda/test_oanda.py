"""OANDA over HTTP: pieces, limits, its one connection, its token, and all that goes wrong."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import pairwise

import pytest

from pipelines.core.errors import (
    AccessRefused,
    InvalidRequest,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from pipelines.sources.quota import Limit, Quota
from tests.servers.oanda import TOKEN, OandaServer, candle
from tests.servers.provider import Fault
from tests.sources.news_requests import HTML, NOW, Clock, at
from tests.sources.oanda.requests import build_source, fetch, read_bars, request


def test_a_candle_is_a_bar_of_the_middle_with_both_quotes_at_its_close(
    server: OandaServer,
) -> None:
    server.add("EUR_USD", "M1", [candle("2026-11-18T10:00:00.000000000Z", 1.17, volume=89)])
    (answer,) = fetch()
    assert read_bars([answer]) == [
        {
            "symbol": "EUR_USD",
            "ts": at("2026-11-18T10:00"),
            "open": 1.17,
            "high": 1.1703,
            "low": 1.1698,
            "close": 1.1701,
            "volume": 89.0,
            "bid": 1.17,
            "ask": 1.1702,
            "row": 1,
        }
    ]
    (question,) = server.questions
    assert question.path == "/v3/instruments/EUR_USD/candles"
    assert question.params == {
        "price": "BAM",
        "granularity": "M1",
        "from": "2026-11-18T10:00:00Z",
        "to": "2026-11-18T11:00:00Z",
    }


def test_a_minute_without_a_price_is_no_bar_and_a_closed_market_no_error(
    server: OandaServer,
) -> None:
    server.make_up(
        "EUR_USD", "M1", at("2026-11-17"), at("2026-11-19"), absent=lambda n: n % 10 == 0
    )
    assert len(read_bars(fetch())) == 54
    (answer,) = fetch(request("2026-11-14T10:00", "2026-11-14T12:00"))  # a Saturday
    assert read_bars([answer]) == []


@pytest.mark.parametrize("interval", ["1m", "5m", "15m", "30m", "1h", "1d", "1w", "1mo"])
def test_pieces_have_at_most_5000_candles_and_the_same_cuts_on_every_day(
    server: OandaServer, interval: str
) -> None:
    minutes = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}.get(interval, 24 * 60)
    source = build_source()
    pieces = list(source.pieces(request("2021-11-20T03:00", "2026-11-20", interval)))
    later = list(source.pieces(request("2021-12-30T03:00", "2026-11-21T01:00", interval)))
    assert pieces[0].start == at("2021-11-20T03:00")
    assert pieces[-1].end == at("2026-11-20")
    assert all(a.end == b.start for a, b in pairwise(pieces))
    assert max(p.end - p.start for p in pieces) <= 5000 * timedelta(minutes=minutes)
    assert {p.end for p in pieces[:-1]} >= {p.end for p in later[:-1]}
    if minutes <= 60:
        assert len(pieces) >= 5


def test_the_bar_in_progress_is_not_asked_for(server: OandaServer) -> None:
    as_of = at("2026-11-18T10:30:20")
    server.now = lambda: as_of
    fetch(request("2026-11-18T10:00", "2026-11-18T12:00", as_of=as_of))
    assert server.spans() == [("2026-11-18T10:00:00Z", "2026-11-18T10:30:00Z")]
    assert list(build_source().pieces(request("2026-11-18T10:30", as_of=as_of))) == []


def test_where_candles_are_still_too_many_the_piece_is_halved(server: OandaServer) -> None:
    server.most = 20
    answers = fetch()
    assert [len(read_bars([answer])) for answer in answers] == [15, 15, 15, 15]
    assert [bar["ts"].minute for bar in read_bars(answers)] == list(range(60))
    server.most = 0  # whatever is asked for
    with pytest.raises(SourceError, match="Maximum value for 'count' exceeded"):
        fetch()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, body='{"errorMessage":"Rate limit exceeded"}'),
        Fault(status=500),
        Fault(status=503),
        Fault(body=HTML),
        Fault(status=403, body=HTML),
        Fault(body=""),
        Fault(cut=300),
        Fault(lost=300),
        Fault(lost_chunk=300),
        Fault(body='{"instrument": "EUR_USD", "granularity": "M1"}'),
    ],
    ids=["429", "500", "503", "html", "html 403", "empty", "truncated", "lost", "lost chunk",
         "no candles"],
)  # fmt: skip
def test_a_passing_fault_is_waited_out_and_a_lasting_one_said(
    server: OandaServer, fault: Fault
) -> None:
    server.fail(fault, times=2)
    assert len(read_bars(fetch())) == 60
    server.fail(fault, times=None)
    with pytest.raises(SourceUnavailable, match="tried 3 times") as caught:
        fetch()
    assert "EUR_USD" in caught.value.message
    assert "BULLION_OANDA_LIMITS" in caught.value.hint


def test_a_429_says_how_long_to_wait(server: OandaServer) -> None:
    server.fail(Fault(status=429, headers={"Retry-After": "17"}))
    clock = Clock()
    fetch(source=build_source(clock))
    assert 17.0 in clock.slept


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_is_named_by_its_variable(
    server: OandaServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("BULLION_OANDA_TOKEN", "x" + TOKEN)
    if status == 403:
        server.fail(Fault(status=403))
    with pytest.raises(AccessRefused, match=f"HTTP {status}, 'Insufficient auth") as caught:
        fetch()
    assert "BULLION_OANDA_TOKEN" in caught.value.hint
    assert "practice" in caught.value.hint
    assert TOKEN not in str(caught.value)
    assert len(server.questions) == 1


def test_the_token_goes_in_a_header_and_shows_nowhere(
    server: OandaServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("EUR_USD", "M1", [candle(at("2026-11-18T10:00"), note=TOKEN)])
    source = build_source()
    with caplog.at_level(logging.DEBUG):
        (answer,) = fetch(source=source)
    assert server.questions[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in f"{answer!r} {answer.query} {answer.body!r} {caplog.text}"
    assert TOKEN not in f"{source!r} {vars(source)}"
    server.fail(Fault(status=400, body=f'{{"errorMessage": "not for {TOKEN}"}}'))
    with pytest.raises(SourceError, match=r"not for \*\*\*") as refused:
        fetch()
    assert TOKEN not in str(refused.value)
    with OandaServer() as other:
        server.fail(Fault(status=302, headers={"Location": f"{other.url}/x"}))
        with pytest.raises(SourceError, match="another host"):
            fetch()
        assert other.questions == []  # it would have been sent the token
    monkeypatch.delenv("BULLION_OANDA_TOKEN")
    with pytest.raises(InvalidRequest, match="BULLION_OANDA_TOKEN is not set"):
        fetch()


@pytest.mark.parametrize(
    ("setting", "host"),
    [
        ("", "https://api-fxpractice.oanda.com"),
        ("practice", "https://api-fxpractice.oanda.com"),
        ("Live", "https://api-fxtrade.oanda.com"),
    ],
)
def test_a_setting_says_which_server_is_asked(
    server: OandaServer, monkeypatch: pytest.MonkeyPatch, setting: str, host: str
) -> None:
    addresses: list[str] = []

    def refuse(client: object, url: str, *_: object) -> None:
        addresses.append(url)
        raise SourceError("not from here")

    monkeypatch.setattr("pipelines.sources.oanda.HttpClient.get", refuse)
    monkeypatch.setenv("BULLION_OANDA_URL", setting)
    if not setting:
        monkeypatch.delenv("BULLION_OANDA_URL")
    with pytest.raises(SourceError, match="not from here"):
        fetch()
    assert addresses == [f"{host}/v3/instruments/EUR_USD/candles"]
    monkeypatch.setenv("BULLION_OANDA_URL", "lvie")
    with pytest.raises(InvalidRequest, match="BULLION_OANDA_URL"):
        fetch()


def test_an_instrument_that_oanda_does_not_have_is_said(server: OandaServer) -> None:
    with pytest.raises(UnknownSymbol, match="knows no instrument 'EUR_USX'") as caught:
        fetch(request(symbols=("EUR_USX",)))
    assert "account" in caught.value.hint
    for symbol in ("AAPL", "EUR/USD", "../x_y", "eur_usd"):
        with pytest.raises(InvalidRequest, match="cannot be an instrument of oanda"):
            fetch(request(symbols=(symbol,)))
    assert len(server.questions) == 1
    with pytest.raises(InvalidRequest, match="empty"):
        fetch(request("2026-11-18T10:00", "2026-11-18T10:00"))


def test_an_error_in_words_is_repeated_in_words(server: OandaServer) -> None:
    server.now = lambda: NOW - timedelta(days=30)
    with pytest.raises(SourceError, match="Time is in the future") as caught:
        fetch()
    assert "clock" in caught.value.hint
    assert not isinstance(caught.value, SourceUnavailable)


def test_all_requests_go_over_one_connection_and_100_a_second_are_kept(
    server: OandaServer,
) -> None:
    clock = Clock()
    source = build_source(clock)
    symbols = ("EUR_USD",)
    for _ in range(110):
        fetch(request("2026-11-18T10:00", "2026-11-18T10:02", symbols=symbols), source)
    assert server.connections == 1
    assert clock.slept == pytest.approx([1.0])
    assert [str(limit) for limit in source.limits()] == ["100/second"]


def test_no_more_than_two_connections_a_second_are_opened(server: OandaServer) -> None:
    server.fail(Fault(lost=10), times=2)  # which breaks the connection
    clock = Clock()
    source = build_source(clock)
    fetch(source=source)
    assert server.connections == 3
    assert [seconds for seconds in clock.slept if seconds] == pytest.approx([1.0])
    usage = Quota("oanda connections", [Limit(2, 1.0)], now=clock.seconds).usage()
    assert [u.used for u in usage] == [1]
