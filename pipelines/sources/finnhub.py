"""News of Finnhub: general news by category, and company news by symbol.

**What it has.** As the topic's file says under `finnhub`: `{category: general}` (general, forex,
crypto, merger) or `{symbols: [AAPL]}`; without it the topic's symbols. Of a category it has only
what is newest, so a span that ended days ago is refused; of a company it has the days asked for,
with a free key one year back. A story is known from its `datetime` on. It sends other days as
well: stories published on none of the days asked for are left out, the raw answer stays in bronze.

**Quota.** 60 requests a minute and 30 a second, by all workers of a machine together
(`BULLION_FINNHUB_LIMITS`); beyond them, and after a 429, it is waited. A symbol that is mistyped
gets an empty answer, as one without news does: the log names it.

**Key.** `BULLION_FINNHUB_KEY`, from the environment only. It is sent in a header; it is in no log,
no error, and no stored answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.topics import Topic, topic
from pipelines.sources.base import Answer
from pipelines.sources.news import NewsRequest, ParsedNews, cut_request
from pipelines.sources.quota import Limit, Quota, read_limits
from pipelines.sources.stories import (
    StoryRows,
    instant_of_seconds,
    phrases_of,
    text_of,
    topic_of,
)
from pipelines.sources.transport.addresses import check_address
from pipelines.sources.transport.http_client import HttpClient, Reply
from pipelines.sources.transport.json_body import is_page, read_json
from pipelines.sources.transport.provider_settings import KeyGuard, provider_settings, read_key
from pipelines.sources.transport.retries import Busy, NotAnAnswer, Patience, retry

KEY = "BULLION_FINNHUB_KEY"
LIMITS = "BULLION_FINNHUB_LIMITS"
PAGE = "https://finnhub.io/register"
DAY = timedelta(days=1)
PIECE = timedelta(days=7)
NEWEST = timedelta(days=3)  # as far back as a category may still reach
QUERIES = ("category", "symbols")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Question:
    """One request: where, and with which parameters."""

    path: str
    params: Mapping[str, str]
    subject: str


class Finnhub:
    """Finnhub's news, with a key."""

    name: ClassVar[str] = "finnhub"
    is_sample: ClassVar[bool] = False
    datasets: ClassVar[tuple[str, ...]] = ("news",)
    resumes_news: ClassVar[bool] = True
    whole_news: ClassVar[bool] = False
    news_every: ClassVar[timedelta] = timedelta(minutes=15)

    def __init__(
        self,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._patience, self._sleep, self._now = patience, sleep, now

    @staticmethod
    def limits() -> tuple[Limit, ...]:
        """Return how often it may be asked."""
        return read_limits(LIMITS, provider_settings().finnhub_limits)

    def news_pieces(self, request: NewsRequest) -> Iterator[NewsRequest]:
        """Cut a request into weeks that begin on Monday; a category has only its newest."""
        start, end = utc(request.start), min(utc(request.end), utc(request.as_of))
        if _query(topic(request.topic))[0] == "category":
            if start < end:
                yield replace(request, start=start, end=end)
            return
        yield from cut_request(request, PIECE)

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        """Request each category or symbol of the topic."""
        about, settings = topic(request.topic), provider_settings()
        start, end = utc(request.start), min(utc(request.end), utc(request.as_of))
        questions = list(self._questions(about, start, end))
        base = check_address("BULLION_FINNHUB_URL", settings.finnhub_url)
        key = read_key(KEY, "Finnhub", PAGE, settings.finnhub_key)
        client = HttpClient(self.name, settings.user_agent, self._patience.timeout)
        quota = Quota(self.name, self.limits(), self._sleep, lambda: self._now().timestamp())
        guard = KeyGuard(key)
        for question in questions:

            def ask(question: _Question = question) -> Reply:
                quota.take()
                url, headers = f"{base}{question.path}", {"X-Finnhub-Token": key}
                reply = client.get(url, question.params, headers)
                reply = replace(reply, body=guard.hide_in_body(reply.body))
                try:
                    _check_reply(reply, question.subject)
                except NotAnAnswer as wrong:
                    raise Busy(wrong.message) from wrong
                return reply

            reply = retry(
                ask, self.name, question.subject, self._patience, f"or lower {LIMITS}", self._sleep
            )
            fields = phrases_of(about) | {
                "path": question.path,
                "params": dict(question.params),
                "from": f"{start:%Y-%m-%d}",
                "to": f"{end - timedelta(microseconds=1):%Y-%m-%d}",
            }
            yield Answer(self.name, "news", fields, reply.body, "application/json", self._now())

    def parse_news(self, answer: Answer) -> ParsedNews:
        """Parse the stories of an answer that were published on the days asked for. Pure."""
        fields, rows = answer.query, StoryRows()
        about, symbol = topic_of(fields), fields["params"].get("symbol")

        def read(story: Mapping[str, Any]) -> dict[str, Any] | None:
            published_at = instant_of_seconds(story.get("datetime"), "datetime")
            if published_at and not fields["from"] <= f"{published_at:%Y-%m-%d}" <= fields["to"]:
                return None
            related = text_of(story.get("related"), "related") or ""
            symbols = [symbol] if symbol else []
            return {
                "url": story.get("url"),
                "title": story.get("headline"),
                "summary": story.get("summary"),
                "outlet": story.get("source"),
                "published_at": published_at,
                "symbols": symbols + [name.strip() for name in related.split(",") if name.strip()],
                "topics": [about.name],
            }

        for number, story in enumerate(_stories(answer.body, "its stories"), 1):
            rows.add(number, story, read)
        return rows.parsed()

    def _questions(self, about: Topic, start: datetime, end: datetime) -> Iterator[_Question]:
        kind, values = _query(about)
        if start >= end:
            raise InvalidRequest(
                f"finnhub: the span [{start}, {end}) is empty", "give a start before the end"
            )
        span = f"[{start:%Y-%m-%d %H:%M}, {end:%Y-%m-%d %H:%M})"
        if kind == "category" and end < self._now() - NEWEST:
            raise InvalidRequest(
                f"finnhub has only the newest news of a category, not those of {span}",
                f"end within the last {NEWEST.days} days, or ask for symbols",
            )
        days = {"from": f"{start:%Y-%m-%d}", "to": f"{end - timedelta(microseconds=1):%Y-%m-%d}"}
        for value in values:
            if kind == "category":
                yield _Question("/api/v1/news", {"category": value}, f"the news of {value}")
            else:
                params = {"symbol": value, **days}
                yield _Question("/api/v1/company-news", params, f"the news of {value} in {span}")


def _query(about: Topic) -> tuple[str, list[str]]:
    """Return what is asked for a topic: category or symbols, and which."""
    query = about.queries.get("finnhub") or {"symbols": list(about.symbols)}
    if not isinstance(query, Mapping) or len(query) != 1 or set(query) - set(QUERIES):
        raise InvalidRequest(
            f"the topic {about.name} has for finnhub {query!r}",
            "write {category: general} or {symbols: [AAPL]}, see include/topics/README.md",
        )
    ((kind, values),) = query.items()
    values = values if isinstance(values, list) else [values]
    if not values:
        raise InvalidRequest(
            f"the topic {about.name} has neither symbols nor a query for finnhub",
            "add `finnhub: {category: general}` to it, see include/topics/README.md",
        )
    return str(kind), [str(value) for value in values]


def _check_reply(reply: Reply, subject: str) -> None:
    """Raise for an answer that is no news: a limit, a wrong key, a page."""
    if is_page(reply.body):
        raise Busy(f"HTTP {reply.status}, a web page: {reply.text(80)!r}")
    words = reply.text()
    if "limit reached" in words.lower() and not words.startswith("["):
        raise Busy(f"it wants fewer requests: {words!r}")
    if reply.status in (401, 403):
        raise SourceError(
            f"finnhub did not allow {subject}: HTTP {reply.status}, {words!r}",
            f"check {KEY}, or get a key at {PAGE}; a free one has one year of some symbols",
        )
    is_json = reply.body.lstrip()[:1] in (b"[", b"{")
    data = read_json(reply.body, "finnhub", subject) if is_json else None
    if reply.status != 200 or not isinstance(data, list):
        if not words:
            raise NotAnAnswer(f"finnhub's answer for {subject} is an empty body")
        raise SourceError(
            f"finnhub refused {subject}: HTTP {reply.status}, {words!r}",
            "correct `finnhub` in the topic's file, see include/topics/README.md",
        )
    if not data:
        log.warning("finnhub has nothing for %s: check how it is spelt", subject)


def _stories(body: bytes, subject: str) -> list[Any]:
    data = read_json(body, "finnhub", subject)
    if not isinstance(data, list):
        raise NotAnAnswer(
            f"finnhub's answer for {subject} is no list of stories",
            "nothing of it was stored; its format may have changed: report it",
        )
    return data
