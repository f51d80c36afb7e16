"""News that GDELT has seen on the web, in 65 languages: its files first, its DOC API for the rest.

**Files.** GDELT writes what it has just seen into small files of a minute (GAL: GDELT Article
List). There is no list of them: each minute is tried, and most have none. A story is known from
the stamp of its file on, whatever its own date says. The files are about everything: a story
counts where its title or description has a phrase of the topic; the others are left out, and
the raw file stays in bronze.

**DOC API.** A quarter of an hour that has no file, once it is half an hour old, is asked of the
DOC API by the topic's query (`gdelt` in its file; without it the phrases, joined by OR). It gives
250 stories at most: a span with more is cut in halves, down to a quarter of an hour, the finest
that it knows. A story is known from its `seendate` on, the stamp of that quarter. The API wants to
be asked rarely: once in `BULLION_GDELT_SECONDS` (7), by all processes together. Its JSON may have
characters that JSON forbids, which are repaired.

**When GDELT does not answer** (429, also as text under 200; 5xx; timeouts; web pages) the request
is repeated with growing waits. A query that it refuses is an error with its own words.

**Citation.** GDELT is free for any use with a citation: "The GDELT Project", and a link to
https://www.gdeltproject.org/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ClassVar

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.topics import topic
from pipelines.sources.base import Answer
from pipelines.sources.gdelt.bulk import MOST_PACKED, check_file, file_path, read_file_stories
from pipelines.sources.gdelt.doc import (
    MOST_ROWS,
    PATH,
    STEP,
    build_query,
    count_articles,
    doc_params,
    read_articles,
    refuse_words,
)
from pipelines.sources.news import NewsRequest, ParsedNews, cut_request
from pipelines.sources.quota import Limit, Quota
from pipelines.sources.stories import phrases_of
from pipelines.sources.transport.addresses import check_address
from pipelines.sources.transport.http_client import HttpClient, Reply
from pipelines.sources.transport.provider_settings import provider_settings
from pipelines.sources.transport.retries import Busy, NotAnAnswer, Patience, retry

PIECE = timedelta(hours=6)
MINUTE = timedelta(minutes=1)
FILES_ARE_LATE = timedelta(minutes=30)  # only then is a quarter of an hour without a file a gap
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
# The API is asked with more patience than the files: it limits by its own mood.
DOC_PATIENCE = Patience(tries=6, first=15.0, longest=120.0, deadline=900.0, timeout=60.0)


class Gdelt:
    """The GDELT Project's files of articles, and its DOC API."""

    name: ClassVar[str] = "gdelt"
    is_sample: ClassVar[bool] = False
    datasets: ClassVar[tuple[str, ...]] = ("news",)
    resumes_news: ClassVar[bool] = True
    whole_news: ClassVar[bool] = False
    news_every: ClassVar[timedelta] = timedelta(minutes=15)

    def __init__(
        self,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        doc_patience: Patience = DOC_PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._patience, self._doc_patience = patience, doc_patience
        self._sleep, self._now = sleep, now

    @staticmethod
    def limits() -> tuple[Limit, ...]:
        """Return how often the DOC API may be asked."""
        seconds = provider_settings().gdelt_seconds
        return (Limit(1, seconds),) if seconds else ()

    def news_pieces(self, request: NewsRequest) -> Iterator[NewsRequest]:
        """Cut a request at 00, 06, 12 and 18 o'clock UTC."""
        yield from cut_request(request, PIECE)

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        """Request each minute's file, then the quarters of an hour without one from the API."""
        if utc(request.start) >= utc(request.end):
            raise InvalidRequest(
                f"gdelt: the span [{request.start}, {request.end}) is empty",
                "give a start before the end",
            )
        # Both addresses, and the topic, are checked before anything is asked.
        settings = provider_settings()
        files_url = check_address("BULLION_GDELT_FILES_URL", settings.gdelt_files_url)
        doc_url = check_address("BULLION_GDELT_URL", settings.gdelt_url)
        query = build_query(topic(request.topic))
        now = self._now()
        start, end = utc(request.start), min(utc(request.end), utc(request.as_of), now)
        with_file: set[datetime] = set()
        client = HttpClient("gdelt", settings.user_agent, self._patience.timeout, 120, MOST_PACKED)
        for stamp in _steps(_ceil(start, MINUTE), end, MINUTE):
            answer = self._file(client, files_url, request.topic, stamp)
            if answer is not None:
                with_file.add(_floor(stamp, STEP))
                yield answer
        doc_client = HttpClient("gdelt", settings.user_agent, self._doc_patience.timeout, 180)
        quota = Quota(self.name, self.limits(), self._sleep, lambda: self._now().timestamp(), 600)
        for first, last in _gaps(start, min(end, now - FILES_ARE_LATE), with_file):
            yield from self._articles(doc_client, quota, doc_url, query, request.topic, first, last)

    def parse_news(self, answer: Answer) -> ParsedNews:
        """Parse the stories of a file, or of an answer of the API. Pure."""
        return (read_file_stories if answer.query["service"] == "gal" else read_articles)(answer)

    def _file(
        self, client: HttpClient, base: str, topic_name: str, stamp: datetime
    ) -> Answer | None:
        """Request the file of a minute; None where there is none."""
        path = file_path(stamp)

        def ask() -> Reply:
            reply = client.get(f"{base}{path}")
            if reply.status == 200:
                check_file(reply.body, path)
            return reply

        reply = retry(
            partial(_busy_if_no_answer, ask), self.name, path, self._patience, "", self._sleep
        )
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise SourceError(
                f"gdelt refused {path}: HTTP {reply.status}, {reply.text()!r}",
                "open the address in a browser; BULLION_GDELT_FILES_URL names another server",
            )
        fields = phrases_of(topic(topic_name)) | {
            "service": "gal", "path": path, "stamp": stamp.isoformat()
        }  # fmt: skip
        return Answer(self.name, "news", fields, reply.body, "application/gzip", self._now())

    def _articles(
        self,
        client: HttpClient,
        quota: Quota,
        base: str,
        query: str,
        topic_name: str,
        start: datetime,
        end: datetime,
    ) -> Iterator[Answer]:
        """Request the articles of a span from the API, in halves where there are too many."""
        subject = f"{query!r} in [{start:%Y-%m-%d %H:%M}, {end:%Y-%m-%d %H:%M})"
        params = doc_params(query, start, end)

        def ask() -> Reply:
            quota.take()
            reply = client.get(f"{base}{PATH}", params)
            refuse_words(reply, query)
            count_articles(reply.body, subject)
            return reply

        reply = retry(
            partial(_busy_if_no_answer, ask),
            self.name, subject, self._doc_patience, "or set BULLION_GDELT_SECONDS higher",
            self._sleep,
        )  # fmt: skip
        is_full = count_articles(reply.body, subject) >= MOST_ROWS
        if is_full and end - start > STEP:
            middle = _ceil(start + (end - start) / 2, STEP)
            middle = middle if middle < end else start + STEP
            for first, last in ((start, middle), (middle, end)):
                yield from self._articles(client, quota, base, query, topic_name, first, last)
            return
        fields = phrases_of(topic(topic_name)) | {
            "service": "doc", "path": PATH, "params": params, "full": is_full
        }  # fmt: skip
        yield Answer(self.name, "news", fields, reply.body, "application/json", self._now())


def _busy_if_no_answer(ask: Callable[[], Reply]) -> Reply:
    try:
        return ask()
    except NotAnAnswer as wrong:
        raise Busy(wrong.message) from wrong


def _floor(instant: datetime, step: timedelta) -> datetime:
    return instant - (instant - BEGIN) % step


def _ceil(instant: datetime, step: timedelta) -> datetime:
    return instant + (BEGIN - instant) % step


def _steps(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    while start < end:
        yield start
        start += step


def _gaps(
    start: datetime, end: datetime, with_file: Iterable[datetime]
) -> list[tuple[datetime, datetime]]:
    """Return the spans of [start, end) whose quarters of an hour have no file."""
    gaps: list[tuple[datetime, datetime]] = []
    for quarter in _steps(_floor(start, STEP), end, STEP):
        if quarter in with_file:
            continue
        first, last = max(quarter, start), min(quarter + STEP, end)
        if gaps and gaps[-1][1] == first:
            first = gaps.pop()[0]
        gaps.append((first, last))
    return gaps
