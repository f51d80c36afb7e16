"""News of Alpha Vantage (NEWS_SENTIMENT), with the symbols that each story is about.

**What it has.** Stories by its own topics or by symbols, as the topic's file says under
`alphavantage`: `{topics: financial_markets}` or `{tickers: [AAPL, MSFT]}`; without it the topic's
symbols. Several are asked for one after the other, as it takes several for "all of them at once".
A story is known from its `time_published` on. **Its time zone is not documented: UTC is assumed.**

**Quota.** A free key allows 25 requests a day. Each is counted before it is sent, by all workers of
a machine together (`BULLION_ALPHAVANTAGE_LIMITS`; `bullion status` shows what is left). It answers
beyond its limit under HTTP 200, with an `Information` instead of news. A week is one request, and
one more for each full answer: it gives 1,000 stories at most, and often 50.

**Key.** `BULLION_ALPHAVANTAGE_KEY`, from the environment only. Alpha Vantage takes it in the
address and repeats it in its refusals; it is in no log, no error, and no stored answer.
"""

from __future__ import annotations

import re
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
from pipelines.sources.quota import Limit, Quota, QuotaSpent, read_limits
from pipelines.sources.stories import (
    NotAStory,
    StoryRows,
    instant_of_text,
    phrases_of,
    topic_of,
)
from pipelines.sources.transport.addresses import check_address
from pipelines.sources.transport.http_client import HttpClient, Reply
from pipelines.sources.transport.json_body import is_page, read_json
from pipelines.sources.transport.provider_settings import KeyGuard, provider_settings, read_key
from pipelines.sources.transport.retries import Busy, NotAnAnswer, Patience, retry

KEY = "BULLION_ALPHAVANTAGE_KEY"
LIMITS = "BULLION_ALPHAVANTAGE_LIMITS"
PAGE = "https://www.alphavantage.co/support/#api-key"
PIECE = timedelta(days=7)
MINUTE = timedelta(minutes=1)
MOST_ROWS = 1000
# It has been seen to give 50 whatever it was asked for: so many may not be all.
FULL = (50, MOST_ROWS)
QUERIES = ("topics", "tickers")
REFUSALS = ("Information", "Note", "Error Message")
FEWER_A_SECOND = re.compile(r"per second|spreading out|more sparingly", re.IGNORECASE)
FEWER_A_DAY = re.compile(r"rate limit|per day|call frequency|daily", re.IGNORECASE)
NOTHING = re.compile(r"no articles found", re.IGNORECASE)
WRONG_KEY = re.compile(r"api ?key", re.IGNORECASE)


@dataclass(frozen=True)
class _Session:
    """What all requests of one piece share."""

    client: HttpClient
    quota: Quota
    url: str
    key: str


class AlphaVantage:
    """Alpha Vantage's news, with a key."""

    name: ClassVar[str] = "alphavantage"
    is_sample: ClassVar[bool] = False
    datasets: ClassVar[tuple[str, ...]] = ("news",)
    resumes_news: ClassVar[bool] = True
    whole_news: ClassVar[bool] = False
    news_every: ClassVar[timedelta] = timedelta(hours=1)  # of its 25 requests a day

    def __init__(
        self,
        patience: Patience = Patience(tries=3),  # noqa: B008 - frozen; each try is counted
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._patience, self._sleep, self._now = patience, sleep, now

    @staticmethod
    def limits() -> tuple[Limit, ...]:
        """Return how often it may be asked."""
        return read_limits(LIMITS, provider_settings().alphavantage_limits)

    def news_pieces(self, request: NewsRequest) -> Iterator[NewsRequest]:
        """Cut a request into weeks that begin on Monday."""
        yield from cut_request(request, PIECE)

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        """Request the stories of a span, and go on after a full answer where it ended."""
        about, settings = topic(request.topic), provider_settings()
        queries = _queries(about)
        session = _Session(
            HttpClient(self.name, settings.user_agent, self._patience.timeout),
            Quota(self.name, self.limits(), self._sleep, lambda: self._now().timestamp()),
            check_address("BULLION_ALPHAVANTAGE_URL", settings.alphavantage_url),
            read_key(KEY, "Alpha Vantage", PAGE, settings.alphavantage_key),
        )
        end = min(utc(request.end), utc(request.as_of))
        for query in queries:
            start: datetime | None = utc(request.start)
            while start is not None and start < end:
                answer = self._ask(session, about, query, start, end)
                yield answer
                start = self._next_start(answer, start)

    def parse_news(self, answer: Answer) -> ParsedNews:
        """Parse the stories of an answer. Pure."""
        about, rows = topic_of(answer.query), StoryRows()

        def read(story: Mapping[str, Any]) -> dict[str, Any]:
            return {
                "url": story.get("url"),
                "title": story.get("title"),
                "summary": story.get("summary"),
                "outlet": story.get("source") or story.get("source_domain"),
                "published_at": instant_of_text(story.get("time_published"), "time_published"),
                "symbols": _symbols(story.get("ticker_sentiment")),
                "topics": [about.name],
            }

        for number, story in enumerate(_feed(answer.body, "its stories"), 1):
            rows.add(number, story, read)
        return rows.parsed()

    def _ask(
        self,
        session: _Session,
        about: Topic,
        query: Mapping[str, str],
        start: datetime,
        end: datetime,
    ) -> Answer:
        params = {
            "function": "NEWS_SENTIMENT",
            **query,
            "time_from": f"{start:%Y%m%dT%H%M}",
            "time_to": f"{max(start, end - timedelta(seconds=1)):%Y%m%dT%H%M}",
            "sort": "EARLIEST",
            "limit": str(MOST_ROWS),
        }
        asked_for = ", ".join(query.values())
        subject = f"news of {asked_for} in [{start:%Y-%m-%d %H:%M}, {end:%Y-%m-%d %H:%M})"
        guard = KeyGuard(session.key)

        def ask() -> Reply:
            session.quota.take()
            reply = session.client.get(f"{session.url}/query", params | {"apikey": session.key})
            body = guard.hide_in_body(reply.body)
            reply = replace(reply, body=body)
            try:
                _check_reply(reply, subject)
            except NotAnAnswer as wrong:
                raise Busy(wrong.message) from wrong
            return reply

        reply = retry(
            ask, self.name, subject, self._patience,
            "each try counts against the limit; `bullion status` shows what is left", self._sleep,
        )  # fmt: skip
        fields = phrases_of(about) | {"path": "/query", "params": params}
        return Answer(self.name, "news", fields, reply.body, "application/json", self._now())

    def _next_start(self, answer: Answer, start: datetime) -> datetime | None:
        """Return where to go on after a full answer; None after the last one."""
        feed = _feed(answer.body, "its stories")
        if len(feed) not in FULL and len(feed) < MOST_ROWS:
            return None
        times = self.parse_news(answer).stories["published_at"].to_pylist()
        newest = max((t for t in times if t is not None), default=start).replace(second=0)
        # The last minute again, as it may have had more; where it is all there is, the next one.
        return newest if newest > start else start.replace(second=0) + MINUTE


def _queries(about: Topic) -> list[dict[str, str]]:
    """Return what is asked for a topic, one request each."""
    query = about.queries.get("alphavantage") or {"tickers": list(about.symbols)}
    if not isinstance(query, Mapping) or len(query) != 1 or set(query) - set(QUERIES):
        raise InvalidRequest(
            f"the topic {about.name} has for alphavantage {query!r}",
            "write {topics: financial_markets} or {tickers: [AAPL]}, see include/topics/README.md",
        )
    ((name, values),) = query.items()
    values = values if isinstance(values, list) else [values]
    if not values:
        raise InvalidRequest(
            f"the topic {about.name} has neither symbols nor a query for alphavantage",
            "add `alphavantage: {topics: financial_markets}` to it, see include/topics/README.md",
        )
    return [{name: str(value)} for value in values]


def _check_reply(reply: Reply, subject: str) -> None:
    """Raise for an answer that is no news: a limit, a wrong key, a page."""
    if is_page(reply.body):
        raise Busy(f"HTTP {reply.status}, a web page: {reply.text(80)!r}")
    if reply.status != 200:
        raise SourceError(
            f"alphavantage refused {subject}: HTTP {reply.status}, {reply.text()!r}",
            f"check {KEY} and BULLION_ALPHAVANTAGE_URL",
        )
    data = read_json(reply.body, "alphavantage", subject)
    if not isinstance(data, dict) or "feed" not in data:
        _refuse_words(data, subject)
    _feed(reply.body, subject)


def _refuse_words(data: Any, subject: str) -> None:
    """Raise for what it says instead of news."""
    refusals = [data[name] for name in REFUSALS if name in data] if isinstance(data, dict) else []
    if not refusals:
        return
    words = " ".join(str(refusals[0]).split())[:400]
    if NOTHING.search(words):
        return
    if FEWER_A_DAY.search(words) and "per day" in words.lower():
        raise QuotaSpent(
            f"alphavantage gave no answer for {subject}: {words}",
            f"run this again tomorrow; a key that is used elsewhere, too, needs a lower {LIMITS}",
        )
    if FEWER_A_SECOND.search(words) or FEWER_A_DAY.search(words):
        raise Busy(f"it wants fewer requests: {words}", 1.0)
    if WRONG_KEY.search(words):
        raise SourceError(
            f"alphavantage did not take the key, and refused {subject}: {words}",
            f"check {KEY}, or get a key at {PAGE}",
        )
    raise SourceError(
        f"alphavantage refused {subject}: {words}",
        "correct `alphavantage` in the topic's file, see include/topics/README.md",
    )


def _feed(body: bytes, subject: str) -> list[Any]:
    data = read_json(body, "alphavantage", subject)
    if isinstance(data, dict) and any(NOTHING.search(str(data.get(n, ""))) for n in REFUSALS):
        return []
    feed = data.get("feed") if isinstance(data, dict) else None
    if not isinstance(feed, list):
        raise NotAnAnswer(
            f"alphavantage's answer for {subject} has no feed of stories",
            "nothing of it was stored; its format may have changed: report it",
        )
    return feed


def _symbols(value: Any) -> list[str]:
    """Return the symbols of a story's `ticker_sentiment`."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise NotAStory("bad_symbols", "ticker_sentiment is no list")
    tickers = [entry.get("ticker") for entry in value if isinstance(entry, Mapping)]
    return [ticker for ticker in tickers if isinstance(ticker, str)]
