"""GDELT's DOC API: its queries, its limits, and its bad answers."""

from __future__ import annotations

import json

import pytest

from pipelines.core.errors import SourceError, SourceUnavailable
from pipelines.core.topics import Topic
from pipelines.sources.base import Answer
from pipelines.sources.gdelt.doc import build_query, read_articles
from tests.servers.gdelt import PHRASE_TOO_SHORT, SLOW_DOWN, GdeltServer
from tests.servers.provider import Fault
from tests.sources.gdelt.test_bulk import QUERY, build_source
from tests.sources.news_requests import HTML, NOW, Clock, at, news_request, stories


def fetch(clock: Clock | None = None) -> list[Answer]:
    return list(build_source(clock).fetch_news(news_request()))


def parse(articles: object) -> list[dict]:
    body = json.dumps({"articles": articles}).encode()
    query = QUERY | {"service": "doc"}
    parsed = read_articles(Answer("gdelt", "news", query, body, "application/json", NOW))
    return parsed.stories.to_pylist() + parsed.rejects.to_pylist()


def test_a_query_is_that_of_the_topic_or_its_phrases() -> None:
    assert build_query(Topic("t", "", ("oil",))) == "oil"
    phrases = Topic("t", "", ("oil", "S&P 500"), {"AAPL": ("Apple", 'the "iPhone"')})
    assert build_query(phrases) == '(oil OR "S&P 500" OR Apple OR "the  iPhone ")'
    assert build_query(Topic("t", "", ("oil",), {}, {"gdelt": "oil theme:X"})) == "oil theme:X"


def test_a_story_is_known_from_when_it_was_seen(server: GdeltServer) -> None:
    server.add_articles("20261120T101500Z", 1, "Apple stocks")
    (answer,) = fetch()
    (question,) = server.queries()
    assert question.params == {
        "query": '("stocks" OR "Federal Reserve")',
        "mode": "artlist",
        "format": "json",
        "maxrecords": "250",
        "sort": "dateasc",
        "startdatetime": "20261120100000",
        "enddatetime": "20261120105959",
    }
    assert json.loads(answer.body)["articles"][0]["title"] == "Apple stocks 0"
    (story,) = stories(build_source(), [answer])
    assert story["seen_at"] == at("2026-11-20T10:15")
    assert (story["published_at"], story["symbols"], story["topics"]) == (
        None,
        ["AAPL"],
        ["markets"],
    )
    assert (story["language"], story["outlet"]) == ("English", "news.example")


@pytest.mark.parametrize("body", ["{}", "", '{"articles": []}'])
def test_nothing_published_is_an_answer_without_stories(server: GdeltServer, body: str) -> None:
    server.fail(Fault(body=body))
    (answer,) = fetch()
    assert stories(build_source(), [answer]) == []


def test_a_full_answer_is_cut_in_halves_down_to_a_quarter_of_an_hour(server: GdeltServer) -> None:
    server.add_articles("20261120T100000Z", 300)  # more than can be had
    server.add_articles("20261120T101500Z", 249)
    server.add_articles("20261120T104500Z", 249)
    answers = fetch()
    spans = [
        (a.query["params"]["startdatetime"][8:12], a.query["params"]["enddatetime"][8:12])
        for a in answers
    ]
    assert spans == [("1000", "1014"), ("1015", "1029"), ("1030", "1059")]
    assert [a.query["full"] for a in answers] == [True, False, False]
    assert len(stories(build_source(), answers)) == 250 + 249 + 249


def test_illegal_characters_are_repaired_and_the_raw_answer_is_kept(server: GdeltServer) -> None:
    body = (
        b'{"articles": [{"url": "https://news.example/1", "title": "stocks\x02 \\don\\u12 '
        b'C:\\\\x \xff", "seendate": "20261120T101500Z"}]}'
    )
    server.fail(Fault(body=body))
    (answer,) = fetch()
    assert answer.body == body
    (story,) = stories(build_source(), [answer])
    assert story["title"] == "stocks\x02 \\don\\u12 C:\\x \ufffd"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, body=SLOW_DOWN, media_type="text/plain"),
        Fault(body=SLOW_DOWN, media_type="text/plain"),
        Fault(status=503),
        Fault(body=HTML, media_type="text/html"),
        Fault(cut=40),
        Fault(lost=40),
        Fault(body='{"articles": {}}'),
    ],
    ids=["429", "limit under 200", "503", "html", "truncated", "broken off", "another form"],
)
def test_a_passing_fault_is_waited_out_and_a_lasting_one_said(
    server: GdeltServer, fault: Fault
) -> None:
    server.add_articles("20261120T101500Z", 2)
    server.fail(fault, times=2)
    clock = Clock()
    assert len(stories(build_source(), fetch(clock))) == 2
    assert len(clock.slept) == 2
    server.fail(fault, times=None)
    with pytest.raises(SourceUnavailable, match="tried 3 times") as caught:
        fetch()
    assert "BULLION_GDELT_SECONDS" in caught.value.hint


def test_a_query_that_is_refused_is_said_in_the_providers_words(server: GdeltServer) -> None:
    server.fail(Fault(body=PHRASE_TOO_SHORT, media_type="text/html"), times=None)
    with pytest.raises(SourceError, match="The specified phrase is too short") as caught:
        fetch()
    assert not isinstance(caught.value, SourceUnavailable)
    assert "Federal Reserve" in caught.value.message
    assert "topic" in caught.value.hint
    assert len(server.queries()) == 1


def test_rows_that_are_no_stories_are_rejected() -> None:
    rows = parse([1, {"title": 3}, {"title": "a", "seendate": "never"}, {"title": "b"}, {}])
    assert [row.get("reason") for row in rows] == [
        None,
        "not_an_object",
        "not_text",
        "bad_time",
        "no_title",
    ]
