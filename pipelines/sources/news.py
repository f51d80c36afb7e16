"""The interface of a source of news: it fetches raw answers, and parses stories from an answer.

As with bars, `fetch_news` talks to the outside and returns bytes, and `parse_news` is pure: the
same answer gives the same stories.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol, runtime_checkable

import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, utc
from pipelines.sources.base import Answer

STORIES = pa.schema(
    [
        ("url", pa.string()),  # as the source says it
        ("title", pa.string()),
        ("summary", pa.string()),  # null where the source has none
        ("outlet", pa.string()),  # who published it: a name or a domain
        ("language", pa.string()),  # as the source says it: en, English; null: not said
        ("published_at", UTC_TYPE),  # by the publisher; null: not said
        # From when on this source had it: a file's stamp, the provider's first sight. Null: not
        # said, and then it is known from its publication on, or else from when it was received.
        ("seen_at", UTC_TYPE),
        ("symbols", pa.list_(pa.string())),  # that the source says it is about
        ("topics", pa.list_(pa.string())),  # of ours, that the source says it is about
        ("row", pa.int64()),  # place in the answer
    ]
)
STORY_REJECTS = pa.schema(
    [
        ("url", pa.string()),
        ("published_at", UTC_TYPE),
        ("row", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("original", pa.string()),  # the row as it came, as JSON
    ]
)


@dataclass(frozen=True)
class NewsRequest:
    """Stories of a topic that became known in [start, end), as they were at `as_of`. All UTC."""

    topic: str
    start: datetime
    end: datetime
    as_of: datetime


@dataclass(frozen=True)
class ParsedNews:
    """The stories of one answer, with the rows that could not be read as stories."""

    stories: pa.Table  # STORIES
    rejects: pa.Table = field(default_factory=lambda: STORY_REJECTS.empty_table())
    off_topic: int = 0  # rows of an answer about everything that are not of the topic


MONDAY = datetime(1969, 12, 29, tzinfo=UTC)


def cut_request(request: NewsRequest, length: timedelta) -> Iterator[NewsRequest]:
    """Cut a request where spans of that length end that begin on a Monday's midnight, UTC."""
    start, end = utc(request.start), min(utc(request.end), utc(request.as_of))
    while start < end:
        stop = min(end, MONDAY + ((start - MONDAY) // length + 1) * length)
        yield replace(request, start=start, end=stop)
        start = stop


class NewsSource(Protocol):
    """One provider of news. Its module's docstring is its page in the docs."""

    name: ClassVar[str]
    is_sample: ClassVar[bool]  # True: made-up data; every table and answer says so
    datasets: ClassVar[tuple[str, ...]]  # what it offers: ("news",), ("bars", "weights", "news")
    resumes_news: ClassVar[bool]  # True: requests cost; recently fetched pieces are not repeated
    whole_news: ClassVar[bool]  # True: a request without a start gets all it has, else a day
    news_every: ClassVar[timedelta]  # how often a DAG asks it; more than a run's interval: rarely

    def news_pieces(self, request: NewsRequest) -> Iterator[NewsRequest]:
        """Cut a request into pieces within the provider's limits.

        The cuts are the same every day, so that a run can resume where an earlier one stopped.
        """
        ...

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        """Request the stories of one piece. Raises SourceError.

        `Answer.kind` is news; `Answer.query` has the topic, and never a key.
        """
        ...

    def parse_news(self, answer: Answer) -> ParsedNews:
        """Parse the stories of an answer. Pure."""
        ...


@runtime_checkable
class RemembersAnswers(Protocol):
    """A source that asks only for what is new since an answer which the lake has (rss)."""

    def news_committed(self, answers: Sequence[Answer]) -> None:
        """Remember these answers. Called after their commit: a crash before would lose them."""
        ...
