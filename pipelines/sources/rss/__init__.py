"""News of any list of feeds, RSS or Atom.

**What it has.** A topic names a list of feeds (`feeds` in its file, or else the list with its
name): a CSV in include/feeds, or in the folder that `BULLION_FEEDS` names. A feed has what is
newest in it and no history, whatever span is asked for: all of it is taken. A story counts where
its title or summary has a phrase of the topic; the others are left out, and the raw feed stays in
bronze. An entry without a date is known from when it was read on.

**What is asked.** A feed's ETag and Last-Modified are kept beside the catalog (`feeds.sqlite`)
once its answer is committed, so that next time it may answer that nothing is new (304).
`BULLION_USER_AGENT` is what we say we are: the SEC, for one, wants an address to write to in it.

**What is refused.** XML that declares entities (bombs, other files), more than 10 MB, a redirect to
another host. Of broken XML what can be read is taken, and a row in the quarantine says so. A feed
that fails does not keep the others from being read; the run says at its end which failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import ClassVar

from pipelines.core.errors import SourceError, SourceUnavailable
from pipelines.core.topics import Topic, topic
from pipelines.sources.base import Answer
from pipelines.sources.news import NewsRequest, ParsedNews
from pipelines.sources.rss.feed_list import Feed, read_feed_list
from pipelines.sources.rss.feed_marks import Mark, clean_mark, read_mark, write_marks
from pipelines.sources.rss.feed_xml import MOST_BYTES, read_feed
from pipelines.sources.stories import phrases_of
from pipelines.sources.transport.addresses import show_address
from pipelines.sources.transport.http_client import HttpClient
from pipelines.sources.transport.provider_settings import provider_settings
from pipelines.sources.transport.retries import Busy, NotAnAnswer, Patience, retry

PATIENCE = Patience(tries=3, longest=20.0, deadline=90.0)


class Rss:
    """RSS and Atom feeds."""

    name: ClassVar[str] = "rss"
    is_sample: ClassVar[bool] = False
    datasets: ClassVar[tuple[str, ...]] = ("news",)
    resumes_news: ClassVar[bool] = False
    whole_news: ClassVar[bool] = False
    news_every: ClassVar[timedelta] = timedelta(minutes=15)

    def __init__(
        self,
        patience: Patience = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._patience, self._sleep, self._now = patience, sleep, now

    def news_pieces(self, request: NewsRequest) -> Iterator[NewsRequest]:
        """Return the request as it is: a feed has only what is newest."""
        yield request

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        """Request each feed of the topic's list; those that fail are named at the end."""
        about, settings = topic(request.topic), provider_settings()
        name = str(about.queries.get("feeds") or about.name)
        feeds = read_feed_list(name, settings.feeds)
        client = HttpClient("rss", settings.user_agent, self._patience.timeout, 60, MOST_BYTES)
        failures: list[SourceError] = []
        for feed in feeds:
            try:
                answer = self._ask(client, about, feed)
            except SourceError as error:
                failures.append(error)
            else:
                if answer is not None:
                    yield answer
        if failures:
            kind = SourceError
            if all(isinstance(failure, SourceUnavailable) for failure in failures):
                kind = SourceUnavailable
            raise kind(
                f"{len(failures)} of {len(feeds)} feeds of the list {name!r} failed:\n  "
                + "\n  ".join(failure.message for failure in failures),
                failures[0].hint,
            )

    def parse_news(self, answer: Answer) -> ParsedNews:
        """Parse the stories of a feed. Pure."""
        return read_feed(answer)

    def news_committed(self, answers: Sequence[Answer]) -> None:
        """Remember the versions of these feeds, which the lake has now."""
        marks = [(a.query, Mark(a.query["etag"], a.query["modified"])) for a in answers]
        write_marks((fields["topic"], fields["fingerprint"], mark) for fields, mark in marks)

    def _ask(self, client: HttpClient, about: Topic, feed: Feed) -> Answer | None:
        """Request a feed; None where it has nothing new."""
        fingerprint = sha256(f"{feed.name}\n{feed.url}".encode()).hexdigest()[:16]
        mark = read_mark(about.name, fingerprint)
        subject = f"{feed.name} ({show_address(feed.url)})"
        return retry(
            partial(self._ask_once, client, about, feed, fingerprint, mark),
            self.name, subject, self._patience, "or take the feed out of the list", self._sleep,
        )  # fmt: skip

    def _ask_once(
        self, client: HttpClient, about: Topic, feed: Feed, fingerprint: str, mark: Mark
    ) -> Answer | None:
        reply = client.get(feed.url, headers=mark.headers())
        if reply.status == 304:
            return None
        if reply.status != 200:
            raise SourceError(
                f"rss: {feed.name} ({show_address(feed.url)}) answered HTTP {reply.status}: "
                f"{reply.text(80)!r}",
                "open its address in a browser, and correct it in the list of feeds; "
                "a 403 may want an address to write to in BULLION_USER_AGENT",
            )
        charset = reply.headers.get("content-type", "").lower().partition("charset=")[2]
        fields = (
            phrases_of(about)
            | {
                "feed": feed.name,
                "url": show_address(feed.url),  # its query may have a key
                "language": feed.language,
                "fingerprint": fingerprint,
                "charset": charset.partition(";")[0].strip(" \"'")[:40],
                "etag": clean_mark(reply.headers.get("etag", "")),
                "modified": clean_mark(reply.headers.get("last-modified", "")),
            }
        )
        media_type = reply.media_type or "application/xml"
        answer = Answer(self.name, "news", fields, reply.body, media_type[:100], self._now())
        try:
            self.parse_news(answer)
        except NotAnAnswer as wrong:
            raise Busy(wrong.message) from wrong
        return answer
