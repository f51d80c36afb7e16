"""Requests to GDELT: how they are cut, paced, and shared between files and API."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.sources.gdelt import Gdelt, _gaps
from pipelines.sources.news import NewsRequest
from tests.servers.gdelt import GdeltServer, article
from tests.sources.gdelt.test_bulk import build_source
from tests.sources.news_requests import NOW, Clock, at, news_request

moments = st.datetimes(datetime(2026, 10, 22), datetime(2026, 11, 20, 22), timezones=st.just(UTC))


@given(moments, moments, moments)
def test_pieces_cover_the_span_once_each_and_their_cuts_stay_put(
    a: datetime, b: datetime, as_of: datetime
) -> None:
    start, end = min(a, b), max(a, b) + timedelta(seconds=1)
    pieces = list(Gdelt().news_pieces(NewsRequest("markets", start, end, as_of)))
    until = min(end, as_of)
    edges = [start, *(piece.end for piece in pieces)]
    assert [piece.start for piece in pieces] == edges[:-1]
    assert edges[-1] == (until if pieces else start)
    assert all(edge.hour % 6 == edge.minute == 0 for edge in edges[1:-1])


def test_only_quarters_without_a_file_are_asked_of_the_api(server: GdeltServer) -> None:
    server.add_file("20261120100700", [article("stocks")])
    server.add_file("20261120103000", [article("nothing")])
    list(build_source().fetch_news(news_request()))
    spans = [(q.params["startdatetime"], q.params["enddatetime"]) for q in server.queries()]
    assert spans == [
        ("20261120101500", "20261120102959"),
        ("20261120104500", "20261120105959"),
    ]


def test_what_is_too_young_to_have_a_file_is_no_gap_yet(server: GdeltServer) -> None:
    clock = Clock(at("2026-11-20T10:50"))
    request = replace(news_request(end="2026-11-20T12:00"), as_of=NOW)
    list(build_source(clock).fetch_news(request))
    assert len([path for path in server.paths() if "gal" in path]) == 50  # and none of the future
    (question,) = server.queries()
    assert question.params["enddatetime"] == "20261120101959"


def test_the_api_is_asked_once_in_so_many_seconds(
    server: GdeltServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BULLION_GDELT_SECONDS")
    assert [str(limit) for limit in Gdelt.limits()] == ["1/7 s"]
    server.add_articles("20261120T100000Z", 250)
    clock = Clock()
    for _ in range(2):  # another worker waits for its turn as well
        list(build_source(clock).fetch_news(news_request()))
    assert len(server.queries()) == 10  # the whole, two halves, the first one's quarters; twice
    assert clock.slept == pytest.approx([7.0] * 9)


def test_gaps_next_to_each_other_are_one() -> None:
    start, end = at("2026-11-20T10:05"), at("2026-11-20T11:05")
    assert _gaps(start, end, set()) == [(start, end)]
    middle = {at("2026-11-20T10:30")}
    assert _gaps(start, end, middle) == [
        (start, at("2026-11-20T10:30")),
        (at("2026-11-20T10:45"), end),
    ]
    assert _gaps(end, start, set()) == []


@pytest.mark.parametrize("setting", ["BULLION_GDELT_URL", "BULLION_GDELT_FILES_URL"])
def test_an_address_that_is_none_is_refused(
    server: GdeltServer, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(setting, "localhost:1")
    with pytest.raises(InvalidRequest, match=setting):
        list(build_source().fetch_news(news_request()))
    assert server.questions == []


def test_an_empty_span_and_an_unknown_topic_are_refused(server: GdeltServer) -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        list(build_source().fetch_news(news_request(end="2026-11-20T10:00")))
    with pytest.raises(InvalidRequest, match="unknown topic"):
        list(build_source().fetch_news(news_request(topic="marketz")))
    assert server.questions == []


def test_the_page_has_the_citation() -> None:
    import pipelines.sources.gdelt as page

    assert "The GDELT Project" in (page.__doc__ or "")
