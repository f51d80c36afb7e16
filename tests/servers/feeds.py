"""A server on the loopback with feeds that know their version."""

from __future__ import annotations

from tests.servers.provider import ProviderServer, Response

MODIFIED = "Fri, 20 Nov 2026 10:00:00 GMT"


def item(title: str, link: str = "https://news.example/1", extra: str = "") -> str:
    return f"<item><title>{title}</title><link>{link}</link>{extra}</item>"


def rss(*items: str, language: str = "<language>en-us</language>") -> str:
    """An RSS feed."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>T</title>'
        f"{language}{''.join(items)}</channel></rss>"
    )


class FeedServer(ProviderServer):
    """Answers 304 to whoever names the version that a feed has."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: dict[str, tuple[bytes, str]] = {}

    def add(self, path: str, body: str | bytes, etag: str = "") -> None:
        self.feeds[path] = (body.encode() if isinstance(body, str) else body, etag)

    def respond(self, path: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        if path not in self.feeds:
            return Response(404, b"not here", {}, "text/plain")
        body, etag = self.feeds[path]
        marks = {"Last-Modified": MODIFIED} | ({"ETag": etag} if etag else {})
        knows = headers.get("if-none-match") if etag else headers.get("if-modified-since")
        if knows == (etag or MODIFIED):
            return Response(304, b"", marks)
        return Response(200, body, marks, "application/rss+xml; charset=utf-8")
