"""A server on the loopback that answers NEWS_SENTIMENT, and counts the day's requests."""

from __future__ import annotations

import json
from typing import Any

from tests.servers.provider import ProviderServer, Response

INVALID = (
    "the parameter apikey is invalid or missing. Please claim your free API key on (the page)."
)
NONE_FOUND = "No articles found. Please refine your search criteria or refer to the documentation."
KEY = "AV0123456789KEYS"


def story(title: Any, published: Any = "20261119T101500", **fields: Any) -> dict[str, Any]:
    return {
        "title": title,
        "url": "https://news.example/1",
        "time_published": published,
        "authors": [],
        "summary": "in short",
        "source": "The Example",
        "category_within_source": "n/a",
        "source_domain": "news.example",
        "topics": [{"topic": "Financial Markets", "relevance_score": "0.5"}],
        "overall_sentiment_score": 0.1,
        "overall_sentiment_label": "Somewhat_Bullish",
        "ticker_sentiment": [
            {"ticker": "AAPL", "relevance_score": "0.3"},
            {"ticker": "CRYPTO:BTC"},
        ],
    } | fields


class AlphaVantageServer(ProviderServer):
    """Refuses beyond its limit as Alpha Vantage does: under 200, and with the key in its words."""

    def __init__(self) -> None:
        super().__init__()
        self.stories: list[dict[str, Any]] = []
        self.limit = 25
        self.most = 50
        self.answered = 0

    def respond(self, path: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        if path != "/query" or params.get("function") != "NEWS_SENTIMENT":
            return Response(404, b"<html></html>", {}, "text/html")
        if params.get("apikey") != KEY:
            return _words("Error Message", INVALID)
        if self.answered >= self.limit:
            return self.limited()
        self.answered += 1
        first, last = params["time_from"], params["time_to"]
        known = [s for s in self.stories if first <= str(s.get("time_published"))[:13] <= last]
        if not known:
            return _words("Information", NONE_FOUND)
        feed = sorted(known, key=lambda s: str(s["time_published"]))[: self.most]
        return Response(body=json.dumps({"items": str(len(feed)), "feed": feed}).encode())

    def limited(self) -> Response:
        words = (
            f"We have detected your API key as {KEY} and our standard API rate limit is "
            f"{self.limit} requests per day. Please subscribe to a premium plan."
        )
        return _words("Information", words)


def _words(name: str, words: str) -> Response:
    return Response(body=json.dumps({name: words}).encode())
