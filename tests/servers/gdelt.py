"""A server on the loopback with GDELT's files of a minute, and its DOC API."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.servers.provider import ProviderServer, Question, Response

PHRASE_TOO_SHORT = "The specified phrase is too short.\n"
SLOW_DOWN = (
    "Please limit requests to one every 5 seconds or contact the project for larger queries.\n"
)


def article(title: Any, url: Any = "https://news.example/1", **fields: Any) -> dict[str, Any]:
    """An article of a file."""
    return {
        "date": "2026-11-20T10:00:00Z",
        "url": url,
        "title": title,
        "desc": None,
        "domain": "news.example",
        "outletName": "The Example",
        "lang": "en",
    } | fields


class GdeltServer(ProviderServer):
    """Faults strike the DOC API; those of `file_faults` a file."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.articles: list[dict[str, Any]] = []
        self.faults_strike = "/api/v2/doc/doc"

    def can_fail(self, path: str) -> bool:
        return path.startswith(self.faults_strike)

    def add_file(self, stamp: str, lines: Iterable[Mapping[str, Any] | bytes]) -> bytes:
        """Add the file of a minute, such as 20261120101500; return its bytes."""
        content = b"\n".join(
            line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
        )
        body = self.files[f"/gdeltv3/gal/{stamp}.gal.json.gz"] = gzip.compress(content, mtime=0)
        return body

    def add_articles(self, seen_at: str, count: int, prefix: str = "stocks") -> None:
        """Add articles that the DOC API knows from a quarter of an hour on."""
        first = len(self.articles)
        self.articles += [
            {
                "url": f"https://news.example/{number}",
                "url_mobile": "",
                "title": f"{prefix} {number}",
                "seendate": seen_at,
                "socialimage": "",
                "domain": "news.example",
                "language": "English",
                "sourcecountry": "United States",
            }
            for number in range(first, first + count)
        ]

    def respond(self, path: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        if path.startswith("/gdeltv3/gal/"):
            body = self.files.get(path)
            if body is None:
                return Response(404, b"<Error><Code>NoSuchKey</Code></Error>", {}, "text/xml")
            return Response(200, body, {}, "application/octet-stream")
        if path != "/api/v2/doc/doc":
            return Response(404, b"<html></html>", {}, "text/html")
        if len(params["query"]) < 4:
            return Response(200, PHRASE_TOO_SHORT.encode(), {}, "text/html")
        first, last = (_instant(params[name]) for name in ("startdatetime", "enddatetime"))
        known = [a for a in self.articles if first <= _instant(a["seendate"]) <= last]
        known = known[: int(params["maxrecords"])]
        return Response(200, json.dumps({"articles": known} if known else {}).encode())

    def queries(self) -> list[Question]:
        """The questions to the DOC API."""
        return [question for question in self.questions if question.path == "/api/v2/doc/doc"]


def _instant(text: str) -> datetime:
    digits = "".join(char for char in text if char.isdigit())
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
