"""Requests to Yahoo: how they are cut, and which are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import INTERVALS
from pipelines.core.errors import InvalidRequest
from pipelines.sources.base import Request
from pipelines.sources.yahoo import INTERVAL_LIMITS
from tests.servers.yahoo import YahooServer
from tests.sources.yahoo.requests import (
    build_source,
    opens,
    price_rows,
    read_one,
    request,
)

moments = st.datetimes(datetime(2026, 10, 22), datetime(2026, 11, 20, 22), timezones=st.just(UTC))


@given(moments, moments, moments, st.sampled_from(INTERVALS))
def test_pieces_cover_the_span_once_each_and_their_cuts_stay_put(
    a: datetime, b: datetime, as_of: datetime, interval: Any
) -> None:
    start, end = min(a, b), max(a, b) + timedelta(seconds=1)
    bars_request = Request(("A", "B"), interval, start, end, as_of)
    pieces = list(build_source().pieces(bars_request))
    until = min(end, as_of)
    for symbol in ("A", "B"):
        own = [piece for piece in pieces if piece.symbols == (symbol,)]
        edges = [start, *(piece.end for piece in own)]
        assert [piece.start for piece in own] == edges[:-1]
        assert edges[-1] == (until if own else start)
        assert bool(own) == (start < until)
    longest = INTERVAL_LIMITS[interval.name].piece
    cuts = {piece.end for piece in pieces} - {until}
    if longest:
        assert all(piece.end - piece.start <= timedelta(days=longest) for piece in pieces)
    wider = replace(bars_request, start=start + timedelta(hours=1), end=end + timedelta(days=1))
    wider_cuts = {piece.end for piece in build_source().pieces(wider)}
    assert {cut for cut in cuts if cut > wider.start} <= wider_cuts


def test_a_piece_is_fetched_alone_as_within_the_whole(server: YahooServer) -> None:
    server.add("AAPL", "1m", price_rows(opens("1m", "2026-11-10", "2026-11-19")))
    source = build_source()
    bars_request = request("AAPL", "1m", "2026-11-10", "2026-11-19")
    pieces = list(source.pieces(bars_request))
    assert len(pieces) == 2
    at_once = [source.parse(answer).bars for answer in source.fetch(bars_request)]
    by_piece = [read_one(source, piece)[1].bars for piece in pieces]
    assert at_once == by_piece
    assert sum(table.num_rows for table in at_once) == len(opens("1m", "2026-11-10", "2026-11-19"))


@pytest.mark.parametrize(
    ("interval", "start", "words"),
    [
        ("1m", "2026-10-20", ("AAPL", "1m", "30 days", "2026-10-22")),
        ("5m", "2026-09-01", ("AAPL", "5m", "60 days", "2026-09-22")),
        ("1h", "2024-01-02", ("AAPL", "1h", "730 days", "2024-11-21")),
        ("1d", "1969-01-02", ("AAPL", "1d", "1970")),
    ],
)
def test_a_request_before_yahoos_limit_names_it_and_the_earliest_date(
    server: YahooServer, interval: str, start: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        list(build_source().fetch(request("AAPL", interval, start, "2026-11-14")))
    assert all(word in str(caught.value) for word in words), caught.value
    assert server.questions == []


def test_the_earliest_date_named_does_work(server: YahooServer) -> None:
    server.add("AAPL", "1m", price_rows(opens("1m", "2026-10-22", "2026-10-23")))
    _, parsed = read_one(build_source(), request("AAPL", "1m", "2026-10-22", "2026-10-23"))
    assert parsed.bars.num_rows == 390


@pytest.mark.parametrize("symbol", ["../../v1", "A B", "", "AAPL?x=1"])
def test_what_cannot_be_a_symbol_is_refused_unasked(server: YahooServer, symbol: str) -> None:
    with pytest.raises(InvalidRequest, match="symbol"):
        list(build_source().fetch(request(symbol, "1d", "2026-11-02", "2026-11-14")))
    assert server.questions == []
