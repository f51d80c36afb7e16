"""Feeds over HTTP: their versions, their faults, and what one failing feed does to the others."""

from __future__ import annotations

import gzip

import pytest

from pipelines.core.errors import InvalidRequest, SourceError, SourceUnavailable
from pipelines.lake import Lake
from pipelines.sources.base import Answer
from pipelines.sources.rss import Rss
from pipelines.steps import ingest_news
from tests.servers.feeds import MODIFIED, FeedServer, item, rss
from tests.servers.provider import Fault
from tests.sources.news_requests import (
    HTML,
    NOW,
    QUICK,
    Clock,
    at,
    news_request,
    rejects,
    stories,
)

DATED = item(
    "Stocks &amp; <b>Apple</b>", extra="<pubDate>Fri, 20 Nov 2026 09:00:00 +0100</pubDate>"
)


def build_source() -> Rss:
    clock = Clock()
    return Rss(QUICK, clock.sleep, clock.now)


def fetch(failing: bool = False) -> list[Answer]:
    answers: list[Answer] = []
    try:
        for answer in build_source().fetch_news(news_request()):
            answers.append(answer)
    except SourceError:
        assert failing
    return answers


def test_stories_of_a_list_of_feeds(server: FeedServer) -> None:
    server.add("/one.xml", rss(DATED, item("A recipe")))
    server.add(
        "/two.xml", rss(item("stocks", "https://news.example/2", "<description>s</description>"))
    )
    answers = fetch()
    first, second = stories(build_source(), answers)
    assert first == {
        "url": "https://news.example/1",
        "title": "Stocks & <b>Apple</b>",
        "summary": None,
        "outlet": "One",
        "language": "en-us",
        "published_at": at("2026-11-20T08:00"),
        "seen_at": None,
        "symbols": ["AAPL"],
        "topics": ["markets"],
        "row": 1,
    }
    # Without a date it is known from when it was received on: landing says so.
    assert (second["published_at"], second["seen_at"], second["language"]) == (None, None, "de")
    assert second["summary"] == "s"
    assert build_source().parse_news(answers[0]).off_topic == 1
    assert answers[0].body == server.feeds["/one.xml"][0]
    assert answers[0].received_at == NOW


def test_a_version_is_remembered_once_it_is_committed_and_then_304_gives_nothing(
    server: FeedServer,
) -> None:
    server.add("/one.xml", rss(DATED), etag='"v1"')
    server.add("/two.xml", rss(DATED))
    answers = fetch()
    assert len(fetch()) == 2  # a run that died before its commit has lost nothing
    build_source().news_committed(answers)
    assert fetch() == []
    assert [q.headers.get("if-none-match") for q in server.questions[-2:]] == ['"v1"', None]
    assert server.questions[-1].headers["if-modified-since"] == MODIFIED
    server.add("/one.xml", rss(DATED, item("stocks")), etag='"v2"')
    (newer,) = fetch()
    assert len(stories(build_source(), [newer])) == 2


def test_a_second_run_asks_for_what_is_new_only_and_changes_nothing(
    server: FeedServer, lake: Lake
) -> None:
    server.add("/one.xml", rss(DATED), etag='"v1"')
    server.add("/two.xml", rss(item("stocks", "https://news.example/2")), etag='"v2"')
    start, end = at("2026-11-20T00:00"), at("2026-11-20T22:00")
    counts = ingest_news(lake, build_source(), "markets", start, end).counts
    assert (counts["received"], counts["accepted"]) == (2, 2)
    rows = lake.rows("FROM silver.news ORDER BY story")
    report = ingest_news(lake, build_source(), "markets", start, end)
    assert (report.status, report.counts["received"]) == ("ok", 0)
    assert [q.headers.get("if-none-match") for q in server.questions[-2:]] == ['"v1"', '"v2"']
    assert lake.rows("FROM silver.news ORDER BY story") == rows
    assert lake.rows("SELECT count(*) FROM bronze.answers") == [(2,)]


def test_a_mark_that_cannot_be_sent_back_is_not_kept(server: FeedServer) -> None:
    server.add("/one.xml", rss(DATED), etag='"' + "x" * 2000 + '"')
    server.add("/two.xml", rss(DATED), etag='"\xe4"')
    answers = fetch()
    assert [answer.query["etag"] for answer in answers] == ["", ""]


def test_broken_xml_gives_what_can_be_read_and_says_so(server: FeedServer) -> None:
    server.add("/one.xml", rss(DATED, item("Federal Reserve &nbsp; <oops")))
    server.add("/two.xml", rss(item("stocks"), item("Apple"))[:-40])
    answers = fetch()
    titles = [story["title"] for story in stories(build_source(), answers)]
    assert "Apple</b>" in titles[0]
    assert "stocks" in titles
    assert [reason for _, reason in rejects(build_source(), answers)] == ["broken_xml"] * 2


@pytest.mark.parametrize(
    "fault",
    [Fault(body=HTML), Fault(status=503), Fault(status=429), Fault(body=""), Fault(lost=30)],
    ids=["html", "503", "429", "empty", "broken off"],
)
def test_a_feed_that_fails_is_named_and_the_others_are_read(
    server: FeedServer, fault: Fault
) -> None:
    server.add("/one.xml", rss(DATED))
    server.add("/two.xml", rss(DATED))
    server.fail(fault, times=3)  # the first feed's three tries
    answers = build_source().fetch_news(news_request())
    assert next(answers).query["feed"] == "Two"
    with pytest.raises(SourceUnavailable, match=r"1 of 2 feeds(.|\n)*One") as caught:
        next(answers)
    assert "s3cr3t" not in str(caught.value)
    assert "list of feeds" in caught.value.hint or "take the feed out" in caught.value.hint


def test_a_passing_fault_is_waited_out(server: FeedServer) -> None:
    server.add("/one.xml", rss(DATED))
    server.add("/two.xml", rss(DATED))
    server.fail(Fault(body=HTML), times=2)
    assert len(fetch()) == 2


def test_a_missing_feed_and_one_that_moved_are_said_in_words(server: FeedServer) -> None:
    server.add("/two.xml", rss(DATED))
    with pytest.raises(SourceError, match=r"HTTP 404: 'not here'") as caught:
        list(build_source().fetch_news(news_request()))
    assert not isinstance(caught.value, SourceUnavailable)
    server.fail(Fault(status=301, headers={"Location": "http://localhost:1/x?key=s3cr3t"}))
    with pytest.raises(SourceError, match="another host, http://localhost:1/x") as caught:
        list(build_source().fetch_news(news_request()))
    assert "s3cr3t" not in str(caught.value)


def test_no_answer_holds_the_query_of_an_address(server: FeedServer) -> None:
    server.add("/one.xml", rss(DATED))
    server.add("/two.xml", rss(DATED))
    assert all("s3cr3t" not in str(answer.query) for answer in fetch())
    assert server.questions[0].params == {"key": "s3cr3t"}


def test_a_large_feed_and_a_packed_bomb_are_refused(server: FeedServer) -> None:
    server.add("/one.xml", rss("x" * (10 << 20)))
    server.add("/two.xml", rss(DATED))
    server.fail(Fault(), times=1)
    bomb = gzip.compress(bytes(100 << 20))
    server.fail(Fault(body=bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(SourceError, match=r"2 of 2 feeds(.|\n)*10,485,760(.|\n)*10,485,760"):
        list(build_source().fetch_news(news_request()))


def test_a_request_is_one_piece_and_its_list_must_be_there(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = news_request()
    assert list(build_source().news_pieces(request)) == [request]
    monkeypatch.setenv("BULLION_FEEDS", "")
    with pytest.raises(InvalidRequest, match="unknown list of feeds 'markets'"):
        fetch()
