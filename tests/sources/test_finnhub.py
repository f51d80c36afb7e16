"""Finnhub: categories and symbols, its limits, plain-text errors, and its key."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest, SourceError, SourceUnavailable
from pipelines.sources.base import Answer
from pipelines.sources.finnhub import Finnhub
from pipelines.sources.news import NewsRequest
from tests.servers.finnhub import KEY, FinnhubServer, story
from tests.servers.provider import Fault
from tests.sources.news_requests import (
    HTML,
    QUICK,
    Clock,
    add_topic,
    at,
    news_request,
    rejects,
    stories,
)

DAYS = news_request("2026-11-19T12:00", "2026-11-20")
NOON = int(at("2026-11-19T12:00").timestamp())
DAY = 86_400


@pytest.fixture
def server(markets: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FinnhubServer]:
    with FinnhubServer() as provider:
        monkeypatch.setenv("BULLION_FINNHUB_URL", provider.url)
        monkeypatch.setenv("BULLION_FINNHUB_KEY", KEY)
        yield provider


def build_source(clock: Clock | None = None) -> Finnhub:
    clock = clock or Clock()
    return Finnhub(QUICK, clock.sleep, clock.now)


def fetch(request: NewsRequest = DAYS, clock: Clock | None = None) -> list[Answer]:
    return list(build_source(clock).fetch_news(request))


def test_company_news_are_those_of_the_days_that_were_asked_for(server: FinnhubServer) -> None:
    server.news["AAPL"] = [
        story("today", NOON, related="AAPL,MSFT"),
        story("in the morning", NOON - 3600),
        story("the day before", NOON - DAY),
        story("the day after", NOON + DAY),
    ]
    (answer,) = fetch()
    (question,) = server.questions
    assert question.path == "/api/v1/company-news"
    assert question.params == {"symbol": "AAPL", "from": "2026-11-19", "to": "2026-11-19"}
    parsed = build_source().parse_news(answer)
    assert parsed.off_topic == 2
    first, second = parsed.stories.to_pylist()
    assert first == {
        "url": "https://news.example/1",
        "title": "today",
        "summary": "in short",
        "outlet": "The Example",
        "language": None,
        "published_at": at("2026-11-19T12:00"),
        "seen_at": None,
        "symbols": ["AAPL", "MSFT"],
        "topics": ["markets"],
        "row": 1,
    }
    assert second["title"] == "in the morning"


def test_a_category_has_only_its_newest(
    server: FinnhubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add_topic(monkeypatch, tmp_path / "topics", "terms: [a]\nfinnhub: {category: general}")
    server.news["general"] = [story("stocks", NOON, related="")]
    (row,) = stories(build_source(), fetch())
    assert row["symbols"] == []
    assert server.questions[0].params == {"category": "general"}
    assert list(build_source().news_pieces(DAYS)) == [DAYS]
    old = news_request("2026-10-01", "2026-11-01")
    with pytest.raises(InvalidRequest, match="only the newest news of a category"):
        fetch(old)
    assert len(list(build_source().news_pieces(old))) == 1
    add_topic(monkeypatch, tmp_path / "topics", "terms: [a]\nfinnhub: {category: genral}")
    with pytest.raises(SourceError, match="422, 'Invalid category'") as caught:
        fetch()
    assert "topic" in caught.value.hint


def test_an_empty_list_may_be_a_typo_and_the_log_names_it(
    server: FinnhubServer, caplog: pytest.LogCaptureFixture
) -> None:
    (answer,) = fetch()
    assert stories(build_source(), [answer]) == []
    assert "nothing for the news of AAPL" in caplog.text
    assert "spelt" in caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, body='{"error":"API limit reached. Please try again later."}'),
        Fault(body="API limit reached", media_type="text/plain"),
        Fault(status=502),
        Fault(body=HTML),
        Fault(body=""),
        Fault(cut=30),
    ],
    ids=["429", "limit under 200", "502", "html", "empty", "truncated"],
)
def test_a_passing_fault_is_waited_out_and_a_lasting_one_said(
    server: FinnhubServer, fault: Fault
) -> None:
    server.news["AAPL"] = [story("stocks", NOON)]
    server.fail(fault, times=2)
    assert len(stories(build_source(), fetch())) == 1
    server.fail(fault, times=None)
    with pytest.raises(SourceUnavailable, match="tried 3 times") as caught:
        fetch()
    assert "AAPL" in caught.value.message
    assert "BULLION_FINNHUB_LIMITS" in caught.value.hint


def test_a_429_says_how_long_to_wait(server: FinnhubServer) -> None:
    server.fail(Fault(status=429, headers={"Retry-After": "17"}))
    clock = Clock()
    fetch(clock=clock)
    assert clock.slept == [17.0]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=400, body="Wrong symbol", media_type="text/plain"),
        Fault(body="something went wrong", media_type="text/plain"),
        Fault(body='{"error": "something went wrong"}'),
    ],
    ids=["400", "text under 200", "an object"],
)
def test_an_error_in_words_is_repeated_in_words(server: FinnhubServer, fault: Fault) -> None:
    server.fail(fault)
    with pytest.raises(SourceError, match=r"Wrong symbol|something went wrong") as caught:
        fetch()
    assert not isinstance(caught.value, SourceUnavailable)
    assert len(server.questions) == 1


def test_the_key_goes_in_a_header_and_shows_nowhere(
    server: FinnhubServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.news["AAPL"] = [story(f"stocks {KEY}", NOON)]
    with caplog.at_level(logging.DEBUG):
        (answer,) = fetch()
    assert server.questions[0].headers["x-finnhub-token"] == KEY
    assert KEY not in str(server.questions[0].params)
    assert KEY not in f"{answer.query} {answer.body!r} {caplog.text}"
    with FinnhubServer() as other:
        server.fail(Fault(status=302, headers={"Location": f"{other.url}/x"}))
        with pytest.raises(SourceError, match="another host"):
            fetch()
        assert other.questions == []  # it would have been sent the key
    monkeypatch.setenv("BULLION_FINNHUB_KEY", "x" + KEY)
    with pytest.raises(SourceError, match="401") as caught:
        fetch()
    assert KEY not in str(caught.value)
    assert "BULLION_FINNHUB_KEY" in caught.value.hint
    monkeypatch.delenv("BULLION_FINNHUB_KEY")
    with pytest.raises(InvalidRequest, match="BULLION_FINNHUB_KEY is not set"):
        fetch()


def test_thirty_a_second_and_sixty_a_minute_are_kept(
    server: FinnhubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    symbols = [f"S{n}" for n in range(61)]
    add_topic(
        monkeypatch, tmp_path / "topics", f"terms: [a]\nfinnhub: {json.dumps({'symbols': symbols})}"
    )
    clock = Clock()
    assert len(fetch(clock=clock)) == 61
    assert clock.slept == pytest.approx([1.0, 59.0])


def test_rows_that_are_no_stories_are_rejected(server: FinnhubServer) -> None:
    server.news["AAPL"] = [
        story(None, NOON), story(5, NOON), story("a", "soon"), story("b", 1e30), "text",
        story("c", None), story("d", NOON, related=4), {}, story("x" * (1 << 20), NOON),
        story("e", NOON, url=None, summary=None, source=None),
    ]  # fmt: skip
    answers = fetch()
    assert rejects(build_source(), answers) == [
        (1, "no_title"),
        (2, "not_text"),
        (3, "bad_time"),
        (4, "bad_time"),
        (5, "not_an_object"),
        (7, "not_text"),
        (8, "no_title"),
    ]
    assert [row["row"] for row in stories(build_source(), answers)] == [6, 9, 10]


@pytest.mark.parametrize("line", ["", "finnhub: {a: b}", "finnhub: general"])
def test_a_topic_that_cannot_be_asked_for_is_refused(
    server: FinnhubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    add_topic(monkeypatch, tmp_path / "topics", f"terms: [stocks]\n{line}")
    with pytest.raises(InvalidRequest, match="finnhub"):
        fetch()
    assert server.questions == []


def test_pieces_are_weeks_and_an_empty_span_is_refused(server: FinnhubServer) -> None:
    pieces = list(build_source().news_pieces(news_request("2026-11-03", "2026-11-17")))
    assert [f"{piece.start:%m-%d}" for piece in pieces] == ["11-03", "11-09", "11-16"]
    with pytest.raises(InvalidRequest, match="empty"):
        fetch(news_request("2026-11-17", "2026-11-17"))
