"""Build the tables of stories and rejects from a provider's rows, which are hostile text.

A text is kept as it came; landing cleans it. What cannot be a story becomes a reject with its
reason, so that each row of an answer is counted once: as a story, a reject, or left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from pipelines.core.topics import Topic
from pipelines.sources.news import STORIES, STORY_REJECTS, ParsedNews

LONGEST_ORIGINAL = 4000  # characters of a rejected row; the answer holds the whole
COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)?Z?")
TEXTS = ("url", "title", "summary", "outlet", "language")
Fields = Mapping[str, Any]


class NotAStory(ValueError):
    """A row that cannot be a story: a reason to query by, and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class StoryRows:
    """The rows of one answer, as they are read."""

    def __init__(self) -> None:
        self._stories: list[dict[str, Any]] = []
        self._rejects: list[dict[str, Any]] = []
        self._left_out = 0

    def add(self, row: int, original: Any, read: Callable[[Fields], Fields | None]) -> None:
        """Add a row by what `read` makes of it: a story's fields, or None to leave it out."""
        try:
            if not isinstance(original, Mapping):
                raise NotAStory("not_an_object", f"a {_kind(original)} instead of a story")
            fields = read(original)
            if fields is None:
                self._left_out += 1
            else:
                self._stories.append(_story(row, fields))
        except NotAStory as wrong:
            self.reject(row, wrong.reason, wrong.detail, original)

    def reject(self, row: int, reason: str, detail: str, original: Any) -> None:
        """Add a row that cannot be a story."""
        if not isinstance(original, str):
            original = json.dumps(original, default=str)
        self._rejects.append(
            {
                "url": None,
                "published_at": None,
                "row": row,
                "reason": reason,
                "detail": _encodable(detail)[:LONGEST_ORIGINAL],
                "original": _encodable(original[:LONGEST_ORIGINAL]),
            }
        )

    @property
    def reject_count(self) -> int:
        return len(self._rejects)

    def parsed(self) -> ParsedNews:
        """Return the tables of all rows."""
        stories = pa.Table.from_pylist(self._stories, schema=STORIES)
        rejects = pa.Table.from_pylist(self._rejects, schema=STORY_REJECTS)
        return ParsedNews(stories, rejects, self._left_out)


def _story(row: int, fields: Fields) -> dict[str, Any]:
    story: dict[str, Any] = {name: text_of(fields.get(name), name) for name in TEXTS}
    if not story["title"]:
        raise NotAStory("no_title", "a story without a title")
    story |= {name: fields.get(name) for name in ("published_at", "seen_at")}
    for name in ("symbols", "topics"):
        story[name] = list(dict.fromkeys(map(_encodable, fields.get(name, ()))))
    return story | {"row": row}


def text_of(value: Any, name: str) -> str | None:
    """Return a field that must be text or null."""
    if value is None or isinstance(value, str):
        return value if value is None else _encodable(value)
    raise NotAStory("not_text", f"{name} is a {_kind(value)}, not text")


def instant_of_text(value: Any, name: str) -> datetime | None:
    """Return the time of a text such as 20230918T031500Z or 2023-09-18T03:15:00Z; UTC if bare."""
    text = text_of(value, name)
    if not text or not text.strip():
        return None
    match = COMPACT.fullmatch(text.strip()) if text.isascii() else None
    try:
        if match:
            return datetime(*(int(part or 0) for part in match.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]
        instant = datetime.fromisoformat(text.strip())
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise NotAStory("bad_time", f"{name} is {text[:60]!r}, which is no time") from None


def instant_of_seconds(value: Any, name: str) -> datetime | None:
    """Return the time of a number of seconds since 1970; None for 0, which means not said."""
    if value is None or value == 0:
        return None
    try:
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not math.isfinite(value)
        ):
            raise ValueError
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        excerpt = str(value)[:60] if isinstance(value, (str, float)) else _kind(value)
        raise NotAStory("bad_time", f"{name} is {excerpt!r}, which is no time") from None


def phrases_of(topic: Topic) -> dict[str, Any]:
    """Return what `Answer.query` has of a topic, whose file may change until it is parsed again."""
    symbols = {symbol: list(phrases) for symbol, phrases in topic.symbols.items()}
    return {"topic": topic.name, "terms": list(topic.terms), "symbols": symbols}


def topic_of(fields: Mapping[str, Any]) -> Topic:
    """Return the topic of an answer, as it was when it was requested."""
    symbols = {symbol: tuple(phrases) for symbol, phrases in fields["symbols"].items()}
    return Topic(str(fields["topic"]), "", tuple(fields["terms"]), symbols)


def all_phrases(topic: Topic) -> Sequence[str]:
    """Return the phrases of a topic and of its symbols, each once."""
    by_symbol = (phrase for phrases in topic.symbols.values() for phrase in phrases)
    return tuple(dict.fromkeys([*topic.terms, *by_symbol]))


def _kind(value: Any) -> str:
    names = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _encodable(text: str) -> str:
    """Replace halves of characters, which JSON may hold and no table can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
