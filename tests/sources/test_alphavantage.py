"""Alpha Vantage: its quota over processes, its refusals under 200, and its key."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest, SourceError, SourceUnavailable
from pipelines.core.settings import ROOT
from pipelines.sources.alphavantage import AlphaVantage
from pipelines.sources.base import Answer
from pipelines.sources.news import NewsRequest
from pipelines.sources.quota import Quota, QuotaSpent
from tests.servers.alphavantage import KEY, AlphaVantageServer, story
from tests.servers.provider import Fault
from tests.sources.news_requests import (
    HTML,
    NOW,
    QUICK,
    Clock,
    add_topic,
    at,
    news_request,
    rejects,
    stories,
)

WEEK = news_request("2026-11-16", "2026-11-20")


@pytest.fixture
def server(markets: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[AlphaVantageServer]:
    with AlphaVantageServer() as provider:
        monkeypatch.setenv("BULLION_ALPHAVANTAGE_URL", provider.url)
        monkeypatch.setenv("BULLION_ALPHAVANTAGE_KEY", KEY)
        yield provider


def build_source(clock: Clock | None = None) -> AlphaVantage:
    clock = clock or Clock()
    return AlphaVantage(QUICK, clock.sleep, clock.now)


def fetch(request: NewsRequest = WEEK, clock: Clock | None = None) -> list[Answer]:
    return list(build_source(clock).fetch_news(request))


def test_a_story_has_its_time_in_utc_and_the_symbols_it_is_about(
    server: AlphaVantageServer,
) -> None:
    server.stories = [story("Apple <b>up</b>")]
    (answer,) = fetch()
    assert server.questions[0].params == {
        "function": "NEWS_SENTIMENT",
        "tickers": "AAPL",
        "time_from": "20261116T0000",
        "time_to": "20261119T2359",
        "sort": "EARLIEST",
        "limit": "1000",
        "apikey": KEY,
    }
    (row,) = stories(build_source(), [answer])
    assert row == {
        "url": "https://news.example/1",
        "title": "Apple <b>up</b>",
        "summary": "in short",
        "outlet": "The Example",
        "language": None,
        "published_at": at("2026-11-19T10:15"),
        "seen_at": None,
        "symbols": ["AAPL", "CRYPTO:BTC"],
        "topics": ["markets"],
        "row": 1,
    }


def test_after_a_full_answer_it_goes_on_and_no_story_is_lost(server: AlphaVantageServer) -> None:
    server.stories = [
        story(f"story {n}", f"2026111{6 + n // 60}T10{n % 60:02d}30", url=f"https://a.example/{n}")
        for n in range(120)
    ]
    answers = fetch()
    assert {row["url"] for row in stories(build_source(), answers)} == {
        f"https://a.example/{n}" for n in range(120)
    }
    assert len(answers) == 3
    server.stories = [story(f"story {n}", "20261117T101500") for n in range(80)]
    assert len(fetch()) == 3  # a minute with more than it gives is passed, not asked for ever


def test_nothing_found_is_an_answer_without_stories(server: AlphaVantageServer) -> None:
    (answer,) = fetch()
    assert "No articles found" in answer.body.decode()
    assert stories(build_source(), [answer]) == []


def test_the_limit_under_200_is_said_as_such_and_without_the_key(
    server: AlphaVantageServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.limit = 0
    with caplog.at_level(logging.DEBUG), pytest.raises(QuotaSpent, match="per day") as caught:
        fetch()
    assert "detected your API key as ***" in caught.value.message
    assert "BULLION_ALPHAVANTAGE_LIMITS" in caught.value.hint
    assert KEY not in f"{caught.value} {caught.value.__cause__!r} {caplog.text}"
    assert len(server.questions) == 1  # it is not asked again


def test_a_note_on_too_many_a_second_is_waited_out(server: AlphaVantageServer) -> None:
    note = "Please consider spreading out your free API requests more sparingly (1 per second)."
    server.fail(Fault(body=json.dumps({"Note": note})))
    clock = Clock()
    assert len(fetch(clock=clock)) == 1
    assert clock.slept[0] >= 1.0


def test_a_wrong_key_is_said_and_not_shown(
    server: AlphaVantageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_ALPHAVANTAGE_KEY", "WRONG" + KEY)
    with pytest.raises(SourceError, match="did not take the key") as caught:
        fetch()
    assert not isinstance(caught.value, SourceUnavailable)
    assert "BULLION_ALPHAVANTAGE_KEY" in caught.value.hint
    assert KEY not in str(caught.value)
    monkeypatch.setenv("BULLION_ALPHAVANTAGE_KEY", "")
    with pytest.raises(InvalidRequest, match="BULLION_ALPHAVANTAGE_KEY is not set"):
        fetch()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(body=HTML),
        Fault(status=503),
        Fault(status=429),
        Fault(cut=30),
        Fault(body=""),
        Fault(body='{"feed": 1}'),
    ],
    ids=["html", "503", "429", "truncated", "empty", "another form"],
)
def test_a_passing_fault_is_waited_out_and_each_try_is_counted(
    server: AlphaVantageServer, fault: Fault
) -> None:
    server.stories = [story("stocks")]
    server.fail(fault, times=2)
    clock = Clock()
    assert len(fetch(clock=clock)) == 1
    day, _ = Quota("alphavantage", AlphaVantage.limits(), now=clock.seconds).usage()
    assert (day.used, day.left) == (3, 22)
    server.fail(fault, times=None)
    with pytest.raises(SourceUnavailable, match="tried 3 times") as caught:
        fetch()
    assert KEY not in str(caught.value)


def test_no_answer_error_or_log_has_the_key(
    server: AlphaVantageServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.stories = [story(f"stocks {KEY}")]  # should the provider say it back
    with caplog.at_level(logging.DEBUG):
        (answer,) = fetch()
    assert KEY not in f"{answer.query} {answer.body!r} {caplog.text}"
    assert "***" in answer.body.decode()
    with AlphaVantageServer() as other:
        location = f"{other.url}/query?apikey={KEY}"
        server.fail(Fault(status=302, headers={"Location": location}))
        with pytest.raises(SourceError, match="another host") as caught:
            fetch()
        assert KEY not in str(caught.value)
        assert other.questions == []


def test_rows_that_are_no_stories_are_rejected(server: AlphaVantageServer) -> None:
    rows = [
        story(7), story(None), story("a", "soon"), story("b", None), 5,
        story("c", ticker_sentiment={}), story("d", ticker_sentiment=[1, {"ticker": 2}]), {},
        story("x" * (1 << 20)),
    ]  # fmt: skip
    server.fail(Fault(body=json.dumps({"feed": rows})))
    answers = fetch()
    assert rejects(build_source(), answers) == [
        (1, "not_text"),
        (2, "no_title"),
        (3, "bad_time"),
        (5, "not_an_object"),
        (6, "bad_symbols"),
        (8, "no_title"),
    ]
    assert [row["row"] for row in stories(build_source(), answers)] == [4, 7, 9]


def test_what_is_asked_is_what_the_topic_says(
    server: AlphaVantageServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def topic_with(line: str) -> None:
        add_topic(monkeypatch, tmp_path / "topics", f"terms: [stocks]\n{line}")

    topic_with("alphavantage: {topics: [earnings, ipo]}")
    fetch()
    assert [q.params["topics"] for q in server.questions] == ["earnings", "ipo"]
    for line, words in [("", "neither symbols"), ("alphavantage: {a: b}", "write {topics")]:
        topic_with(line)
        with pytest.raises(InvalidRequest, match="alphavantage") as caught:
            fetch()
        assert words in str(caught.value)
    assert len(server.questions) == 2


def test_pieces_are_weeks() -> None:
    start, end = datetime(2026, 11, 3, 5, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)
    pieces = list(AlphaVantage().news_pieces(NewsRequest("markets", start, end, NOW)))
    assert [piece.start for piece in pieces] == [
        start,
        datetime(2026, 11, 9, tzinfo=UTC),
        datetime(2026, 11, 16, tzinfo=UTC),
    ]
    assert pieces[-1].end == end
    assert all(piece.end - piece.start <= timedelta(days=7) for piece in pieces)


@pytest.mark.parametrize("killed", [False, True], ids=["undisturbed", "kill -9"])
def test_two_processes_share_the_25_calls_of_a_day(
    server: AlphaVantageServer, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    monkeypatch.setenv("BULLION_ALPHAVANTAGE_LIMITS", "25/day")
    server.limit = 1000  # it would give more: it is our own count that ends it
    if killed:
        server.fail(Fault(), times=4)
        server.fail(Fault(delay=2.0))
        victim = _start_worker()
        _wait_until(lambda: len(server.questions) == 5)
        victim.kill()  # in the middle of its fifth request
        victim.wait()
    workers = [_start_worker(), _start_worker()]
    words = [worker.communicate(timeout=120)[0] for worker in workers]
    assert len(server.questions) == 25
    assert all("allows 25/day" in text for text in words), words
    with pytest.raises(QuotaSpent):  # and no other worker later
        list(AlphaVantage().fetch_news(WEEK))
    assert len(server.questions) == 25


def _start_worker() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.sources.quota_worker"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _wait_until(is_so) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
