"""GDELT's files: what of them is a story, and what is refused."""

from __future__ import annotations

import gzip
from datetime import datetime
from typing import Any

import pytest

from pipelines.core.errors import SourceError, SourceUnavailable
from pipelines.sources.base import Answer
from pipelines.sources.gdelt import Gdelt
from pipelines.sources.gdelt.bulk import check_file, file_path, read_file_stories
from pipelines.sources.transport.retries import NotAnAnswer
from tests.servers.gdelt import GdeltServer, article
from tests.servers.provider import Fault
from tests.sources.news_requests import NOW, QUICK, Clock, at, news_request, rejects, stories

STAMP = "20261120100700"
QUERY = {
    "topic": "markets",
    "terms": ["stocks"],
    "symbols": {"AAPL": ["Apple"]},
    "service": "gal",
    "stamp": "2026-11-20T10:07:00+00:00",
}


def build_source(clock: Clock | None = None) -> Gdelt:
    clock = clock or Clock()
    return Gdelt(QUICK, QUICK, clock.sleep, clock.now)


def files_of(server: GdeltServer, source: Gdelt | None = None) -> list[Answer]:
    answers = list((source or build_source()).fetch_news(news_request()))
    return [answer for answer in answers if answer.query["service"] == "gal"]


def parse(*lines: Any) -> Any:
    server = GdeltServer()
    body = server.add_file(STAMP, lines)
    server._http.server_close()
    return read_file_stories(Answer("gdelt", "news", QUERY, body, "application/gzip", NOW))


def test_a_file_has_the_name_of_its_minute() -> None:
    assert file_path(datetime(2026, 1, 2, 3, 4)) == "/gdeltv3/gal/20260102030400.gal.json.gz"


def test_each_minute_is_tried_and_a_story_is_known_from_its_files_stamp(
    server: GdeltServer,
) -> None:
    body = server.add_file(STAMP, [article("Stocks rise as Apple falls"), article("A recipe")])
    (answer,) = files_of(server)
    tried = [path for path in server.paths() if path.startswith("/gdeltv3")]
    assert len(tried) == 60
    assert tried[0].endswith("20261120100000.gal.json.gz")
    assert answer.body == body
    parsed = build_source().parse_news(answer)
    assert parsed.off_topic == 1
    (story,) = parsed.stories.to_pylist()
    assert story == {
        "url": "https://news.example/1",
        "title": "Stocks rise as Apple falls",
        "summary": None,
        "outlet": "The Example",
        "language": "en",
        "published_at": at("2026-11-20T10:00"),
        "seen_at": at("2026-11-20T10:07"),
        "symbols": ["AAPL"],
        "topics": ["markets"],
        "row": 1,
    }


def test_an_answer_is_parsed_by_the_phrases_that_were_asked_for(
    server: GdeltServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_file(STAMP, [article("stocks")])
    (answer,) = files_of(server)
    monkeypatch.setenv("BULLION_TOPICS", "/nowhere")  # the topic's file is gone
    assert len(stories(build_source(), [answer])) == 1


def test_hostile_rows_are_rejected_with_their_reason_and_the_others_stay() -> None:
    parsed = parse(
        article("stocks " + "x" * (1 << 20)),
        b"{broken",
        b"[1, 2]",
        b"null",
        article(17),
        article(None, desc="stocks"),
        article("stocks", url=["a"]),
        article("stocks", date=12, url=None),
        article("stocks", date="yesterday"),
        {"title": "stocks"},
        b'{"title": "stocks \\ud800 \\u0000", "lang": {}}',
        b'{"title": "stocks \\ud800 \\u0000"}',
        b"[" * 100_000,
        b'{"title": "sto\x01cks \\q stocks"}',
    )
    assert [(r["row"], r["reason"]) for r in parsed.rejects.to_pylist()] == [
        (2, "not_json"),
        (3, "not_an_object"),
        (4, "not_an_object"),
        (5, "not_text"),
        (6, "no_title"),
        (7, "not_text"),
        (11, "not_text"),
        (13, "not_json"),
    ]
    rows = parsed.stories.to_pylist()
    assert [row["row"] for row in rows] == [1, 8, 9, 10, 12, 14]
    assert len(rows[0]["title"]) > 1 << 20
    assert [row["published_at"] for row in rows[1:]] == [None] * 5
    assert rows[4]["title"] == "stocks \ufffd \0"
    assert rows[5]["title"] == "sto\x01cks \\q stocks"


def test_a_line_without_an_end_is_a_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.sources.gdelt.bulk.LONGEST_LINE", 1000)
    parsed = parse(b"x" * 5000, article("stocks"))
    assert [(r["row"], r["reason"]) for r in parsed.rejects.to_pylist()] == [(1, "too_long")]
    assert parsed.stories.num_rows == 1


def test_a_bomb_is_refused_before_it_is_unpacked(
    server: GdeltServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.sources.gdelt.bulk.MOST_UNPACKED", 1 << 20)
    server.files[file_path(at("2026-11-20T10:07"))] = gzip.compress(bytes(3 << 20))
    with pytest.raises(SourceUnavailable, match="unpacks to more than 1,048,576 bytes"):
        files_of(server)


def test_a_cut_file_is_asked_for_again_and_then_said(server: GdeltServer) -> None:
    body = server.add_file(STAMP, [article("stocks")])
    server.faults_strike = f"/gdeltv3/gal/{STAMP}"
    server.fail(Fault(cut=len(body) - 9))
    assert len(stories(build_source(), files_of(server))) == 1
    server.fail(Fault(cut=len(body) - 9), times=None)
    with pytest.raises(SourceUnavailable, match=f"{STAMP}(.|\n)*tried 3 times(.|\n)*cut off"):
        files_of(server)
    with pytest.raises(NotAnAnswer, match="no gzip"):
        check_file(b"<html>", "/x")


def test_a_refusal_is_said_in_words(server: GdeltServer) -> None:
    server.faults_strike = f"/gdeltv3/gal/{STAMP}"
    server.fail(Fault(status=403, body="AccessDenied"), times=None)
    with pytest.raises(SourceError, match=r"403, 'AccessDenied'") as caught:
        files_of(server)
    assert "BULLION_GDELT_FILES_URL" in caught.value.hint


def test_a_server_error_is_waited_out(server: GdeltServer) -> None:
    server.add_file(STAMP, [article("stocks")])
    server.faults_strike = f"/gdeltv3/gal/{STAMP}"
    server.fail(Fault(status=503, headers={"Retry-After": "7"}))
    clock = Clock()
    assert rejects(build_source(), files_of(server, build_source(clock))) == []
    assert clock.slept == [7.0]
