"""The newest news signal of each topic in memory: its newest version, and when it is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pipelines.lake import Lake
from pipelines.steps.data.news_signals import refresh_news_signals
from serving.state.news import load_news
from tests.steps.data.news_stories import (
    MODEL,
    NOON,
    SAD,
    SOURCE,
    TOPIC,
    minutes,
    story,
    write_stories,
)

MARKS = {"data_source": SOURCE, "sample": True, "notices": ["made up"], "snapshot": 7}
GRACE = timedelta(minutes=5)


def test_a_lake_without_news_has_none(lake: Lake) -> None:
    with lake.view() as view:
        assert load_news(view, SOURCE, MARKS, GRACE) == {}


def test_the_newest_window_counts_and_of_it_the_newest_version(lake: Lake) -> None:
    write_stories(lake, story("a", NOON - minutes(10)))
    span = (NOON - minutes(60), NOON)
    refresh_news_signals(lake, SOURCE, TOPIC, *span, model=MODEL, now=NOON)
    with lake.view() as view:
        first = load_news(view, SOURCE, MARKS, GRACE)[TOPIC]
    assert (first.row["window_end"], first.row["article_count"]) == (NOON, 1)
    write_stories(lake, story("b", NOON - minutes(5)), probabilities=SAD)
    refresh_news_signals(lake, SOURCE, TOPIC, *span, model=MODEL, now=NOON + minutes(14))
    with lake.view() as view:
        second = load_news(view, SOURCE, MARKS, GRACE)[TOPIC]
    assert second.row["article_count"] == 2
    now = (NOON + minutes(1)).timestamp()
    assert first.answer.tag(now) != second.answer.tag(now)
    same = load_again(lake, snapshot=8)
    assert same == second.answer.tag(now), "another snapshot with the same signal has its tag"


def load_again(lake: Lake, snapshot: int) -> bytes:
    with lake.view() as view:
        news = load_news(view, SOURCE, MARKS | {"snapshot": snapshot}, GRACE)[TOPIC]
    return news.answer.tag((NOON + minutes(1)).timestamp())


def test_it_is_stale_once_the_next_window_should_be_there(lake: Lake) -> None:
    write_stories(lake, story("a", NOON - minutes(10)))
    refresh_news_signals(lake, SOURCE, TOPIC, NOON - minutes(60), NOON, model=MODEL, now=NOON)
    with lake.view() as view:
        answer = load_news(view, SOURCE, MARKS, GRACE)[TOPIC].answer
    late = (NOON + minutes(30)).timestamp()
    assert b'"stale":false' in answer.body(late - 1)
    assert b'"stale":true' in answer.body(late)
    assert b"stale: the window after 2026-09-01 12:00 UTC is not there" in answer.body(late)
    assert answer.body(late).endswith(b'"age_seconds":1800}')
    assert replace(answer, etag=b"x").tag(late) == b'W/"x-stale"'
