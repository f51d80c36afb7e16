"""Answers about news: stories and signals of a topic hold what the tables declare."""

from __future__ import annotations

from fastapi.testclient import TestClient

from pipelines.contracts.news import NEWS_SIGNALS
from serving.schemas.news import NewestNewsSignal, NewsSignal, NewsSignals, RecentStories

SP500 = {"topic": "sp500"}


def test_pages_of_news_are_what_their_schemas_say(api: TestClient) -> None:
    stories = RecentStories.model_validate_json(api.get("/news/recent", params=SP500).text).rows
    assert stories
    assert all("sp500" in story.topics for story in stories)
    signals = NewsSignals.model_validate_json(api.get("/news/signals", params=SP500).text).rows
    assert signals
    assert {signal.topic for signal in signals} == {"sp500"}


def test_the_newest_signal_is_the_first_of_the_history_and_says_how_old_it_may_be(
    api: TestClient,
) -> None:
    answer = api.get("/news/signals/newest", params=SP500).text
    newest = NewestNewsSignal.model_validate_json(answer)
    [first] = api.get("/news/signals", params=SP500 | {"limit": 1}).json()["rows"]
    assert NewsSignal.model_validate(first).window_end == newest.window_end
    assert newest.stale_at > newest.window_end


def test_a_field_has_the_meaning_of_its_column() -> None:
    for name, field in NewsSignal.model_fields.items():
        assert NEWS_SIGNALS.column(name).meaning in (field.description or ""), name
