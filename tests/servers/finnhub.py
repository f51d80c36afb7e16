"""A server on the loopback with Finnhub's news of categories and companies."""

from __future__ import annotations

import json
from typing import Any

from tests.servers.provider import ProviderServer, Response

KEY = "fh0123456789abcdefkey"


def story(headline: Any, when: Any, **fields: Any) -> dict[str, Any]:
    return {
        "category": "company news",
        "datetime": when,
        "headline": headline,
        "id": 1,
        "image": "",
        "related": "AAPL",
        "source": "The Example",
        "summary": "in short",
        "url": "https://news.example/1",
    } | fields


class FinnhubServer(ProviderServer):
    """Gives all it has of a symbol, whatever days are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.news: dict[str, list[Any]] = {}

    def respond(self, path: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        if headers.get("x-finnhub-token") != KEY:
            return Response(401, b'{"error":"Invalid API key"}')
        if path == "/api/v1/news":
            if params["category"] not in self.news:
                return Response(422, b"Invalid category", {}, "text/plain")
            return Response(body=json.dumps(self.news[params["category"]]).encode())
        if path == "/api/v1/company-news" and {"from", "to"} <= set(params):
            return Response(body=json.dumps(self.news.get(params["symbol"], [])).encode())
        return Response(404, b"404 page not found", {}, "text/plain")
