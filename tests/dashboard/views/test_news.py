"""The page of news: stories and signals as the API answers, and foreign texts as texts."""

from __future__ import annotations

import httpx

from dashboard.views.news import _newest_versions
from tests.dashboard.screens import open_page, texts
from tests.serving.scored_api import TOPIC


def test_stories_are_those_of_the_api(dashboard: None, api_address: str) -> None:
    rows = httpx.get(f"{api_address}/news/recent?topic={TOPIC}&limit=100").json()["rows"]
    table = open_page("news").dataframe[0].value
    assert list(table["title"]) == [row["title"] for row in rows]
    assert list(table["url"]) == [row["url"] for row in rows]
    assert list(table["sentiment"]) == [row["sentiment"] for row in rows]
    assert (table["mark"].isin(["▲", "■", "▼"])).all()


def test_the_newest_signal_is_that_of_the_api(dashboard: None, api_address: str) -> None:
    signal = httpx.get(f"{api_address}/news/signals/newest?topic={TOPIC}").json()
    page_text = texts(open_page("news"))
    assert f"**{signal['avg_sentiment']:+.3f}**" in page_text
    assert f"**{signal['article_count']}**" in page_text


def test_of_a_restated_window_the_newest_version_is_drawn() -> None:
    late = {"window_end": "2026-08-31T20:00:00Z", "avg_sentiment": 0.2}
    first = {"window_end": "2026-08-31T20:00:00Z", "avg_sentiment": 0.1}
    before = {"window_end": "2026-08-31T19:45:00Z", "avg_sentiment": 0.0}
    assert _newest_versions([late, first, before]) == [before, late]
