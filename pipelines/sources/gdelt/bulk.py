"""GDELT's files of articles (GAL): gzip, a JSON object a line, about everything. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from pipelines.sources.base import Answer
from pipelines.sources.news import ParsedNews
from pipelines.sources.stories import (
    LONGEST_ORIGINAL,
    NotAStory,
    StoryRows,
    instant_of_text,
    text_of,
    topic_of,
)
from pipelines.sources.transport.json_body import read_json
from pipelines.sources.transport.retries import NotAnAnswer
from pipelines.sources.transport.unpacking import CannotUnpack, unpack_lines, unpack_pieces

MOST_PACKED = 32 << 20  # bytes of a file; they have a few hundred KB
MOST_UNPACKED = 256 << 20
LONGEST_LINE = 8 << 20


def file_path(stamp: datetime) -> str:
    """Return the path of the file of a minute."""
    return f"/gdeltv3/gal/{stamp:%Y%m%d%H%M%S}.gal.json.gz"


def check_file(body: bytes, path: str) -> None:
    """Check that a file can be unpacked as a whole. Raises NotAnAnswer."""
    try:
        for _ in unpack_pieces(body, MOST_UNPACKED):
            pass
    except CannotUnpack as wrong:
        raise NotAnAnswer(
            f"gdelt's file {path} is {wrong}",
            "nothing of it was stored; run this again later, or leave its minute out",
        ) from None


def read_file_stories(answer: Answer) -> ParsedNews:
    """Parse the stories of a file that have a phrase of the topic."""
    topic, rows = topic_of(answer.query), StoryRows()
    seen_at = datetime.fromisoformat(str(answer.query["stamp"]))

    def read(article: Mapping[str, Any]) -> dict[str, Any] | None:
        title = text_of(article.get("title"), "title")
        summary = text_of(article.get("desc"), "desc")
        text = f"{title or ''}\n{summary or ''}"
        if not topic.matches(text):
            return None
        published_at = None
        with suppress(NotAStory):  # a story without a date that can be read is known all the same
            published_at = instant_of_text(article.get("date"), "date")
        return {
            "url": article.get("url"),
            "title": title,
            "summary": summary,
            "outlet": article.get("outletName") or article.get("domain"),
            "language": article.get("lang"),
            "published_at": published_at,
            "seen_at": seen_at,
            "symbols": topic.symbols_in(text),
            "topics": [topic.name],
        }

    for number, line in enumerate(unpack_lines(answer.body, MOST_UNPACKED, LONGEST_LINE), 1):
        if line is None:
            rows.reject(number, "too_long", f"a line of more than {LONGEST_LINE:,} bytes", "")
        elif line.strip():
            try:
                rows.add(number, _read_line(line), read)
            except NotAnAnswer:
                start = line[:LONGEST_ORIGINAL].decode("utf-8", "replace")
                rows.reject(number, "not_json", "a line that is no JSON", start)
    return rows.parsed()


def _read_line(line: bytes) -> Any:
    try:
        return json.loads(line)  # faster than what repairs
    except (ValueError, RecursionError):
        return read_json(line, "gdelt", "a line")
