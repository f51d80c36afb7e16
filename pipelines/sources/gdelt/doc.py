"""GDELT's DOC API: how it is asked, and how its answers are read. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pipelines.core.errors import SourceError
from pipelines.core.topics import Topic
from pipelines.sources.base import Answer
from pipelines.sources.news import ParsedNews
from pipelines.sources.stories import StoryRows, all_phrases, instant_of_text, text_of, topic_of
from pipelines.sources.transport.http_client import Reply
from pipelines.sources.transport.json_body import is_page, read_json
from pipelines.sources.transport.retries import Busy, NotAnAnswer

PATH = "/api/v2/doc/doc"
MOST_ROWS = 250
STEP = timedelta(minutes=15)  # its articles have the time of a quarter of an hour
LIMITED = re.compile(r"limit requests|too many requests|rate limit", re.IGNORECASE)


def build_query(topic: Topic) -> str:
    """Return the query of a topic: that of its file, or its phrases, joined by OR."""
    query = topic.queries.get("gdelt")
    if query:
        return str(query)
    phrases = [phrase.replace('"', " ") for phrase in all_phrases(topic)]
    quoted = [f'"{phrase}"' if re.search(r"\W", phrase) else phrase for phrase in phrases]
    return quoted[0] if len(quoted) == 1 else f"({' OR '.join(quoted)})"


def doc_params(query: str, start: datetime, end: datetime) -> dict[str, str]:
    """Return the parameters of a span. The API counts its end in; ours is out."""
    last = max(start, end - timedelta(seconds=1))
    return {
        "query": query,
        "mode": "artlist",
        "format": "json",
        "maxrecords": str(MOST_ROWS),
        "sort": "dateasc",
        "startdatetime": f"{start:%Y%m%d%H%M%S}",
        "enddatetime": f"{last:%Y%m%d%H%M%S}",
    }


def refuse_words(reply: Reply, query: str) -> None:
    """Raise for an answer in words: a limit is Busy, a query that is refused a SourceError."""
    words = reply.text()
    if reply.status == 200 and (not words or words.startswith("{")):
        return
    if LIMITED.search(words):
        raise Busy(f"it wants fewer requests: {words!r}")
    if is_page(reply.body):
        raise Busy(f"HTTP {reply.status}, a web page: {words[:80]!r}")
    raise SourceError(
        f"gdelt refused the query {query!r}: HTTP {reply.status}, {words!r}",
        "correct `gdelt` in the topic's file, see include/topics/README.md; phrases have to be "
        "long enough, and OR stands in parentheses",
    )


def count_articles(body: bytes, subject: str) -> int:
    """Return the number of articles of an answer. Raises NotAnAnswer."""
    return len(_articles(body, subject))


def _articles(body: bytes, subject: str) -> list[Any]:
    if not body.strip():
        return []  # nothing was published
    data = read_json(body, "gdelt", subject)
    articles = data.get("articles", []) if isinstance(data, dict) else None
    if not isinstance(articles, list):
        raise NotAnAnswer(
            f"gdelt's answer for {subject} has no list of articles",
            "nothing of it was stored; its format may have changed: report it",
        )
    return articles


def read_articles(answer: Answer) -> ParsedNews:
    """Parse the articles of an answer: all are of the topic, whose query they answer."""
    topic, rows = topic_of(answer.query), StoryRows()

    def read(article: Mapping[str, Any]) -> dict[str, Any]:
        title = text_of(article.get("title"), "title")
        return {
            "url": article.get("url"),
            "title": title,
            "outlet": article.get("domain"),
            "language": article.get("language"),
            "seen_at": instant_of_text(article.get("seendate"), "seendate"),
            "symbols": topic.symbols_in(title or ""),
            "topics": [topic.name],
        }

    for number, article in enumerate(_articles(answer.body, "its articles"), 1):
        rows.add(number, article, read)
    return rows.parsed()
