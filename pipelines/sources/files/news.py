"""Read the stories of a topic from a file of articles.

An article of a date alone counts as known from the end of that day on, unless the file says when
it was seen: an earlier time would be look-ahead.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO, Any

from pipelines.core.errors import SourceError
from pipelines.core.topics import Topic
from pipelines.sources.files.article_times import ArticleTime, TimeReader
from pipelines.sources.files.articles import BrokenRow, read_rows, table_columns
from pipelines.sources.files.columns import columns_of, normalize
from pipelines.sources.files.limits import MOST_REJECTS
from pipelines.sources.files.news_mapping import COLUMNS, LABELS, TIMES, USUAL, NewsFiles
from pipelines.sources.news import ParsedNews
from pipelines.sources.stories import TEXTS, StoryRows, text_of

MOST_ARTICLES = 1_000_000  # of one file, which are in memory at a time
MOST_SHAPES = 1000  # of JSON objects: which keys they have
NEEDED = ("url", "title")
SEPARATORS = re.compile("[,;|]")
Fields = dict[str, Any]


@dataclass(frozen=True)
class StorySelection:
    """The requested stories of a file: of a topic, known in [start, end)."""

    topic: Topic
    start: datetime
    end: datetime
    received_at: datetime

    def has_time(self, *times: datetime | None) -> bool:
        """Whether a story became known in the span.

        Without a time, or with one that has not come, it is known when it is received: in any.
        """
        known_at = max((time for time in times if time is not None), default=None)
        if known_at is None or known_at > self.received_at:
            return True
        return self.start <= known_at < self.end


@dataclass
class _Table:
    path: str
    names: list[str]


def news_in(
    path: str, content: bytes | IO[bytes], entry: NewsFiles, selection: StorySelection
) -> ParsedNews:
    """Return the selected stories of a file, and the rows that cannot be read as stories."""
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    reader, rows = _ArticleReader(path, entry, selection), StoryRows()
    names = table_columns(path, file, entry.csv)
    if names is not None:
        reader.check_columns(names)
    for count, (number, row) in enumerate(read_rows(path, file, entry.csv, entry.list), 1):
        if count > MOST_ARTICLES:
            raise SourceError(
                f"{path} has more than the {MOST_ARTICLES:,} articles that are read",
                "cut it into several files",
            )
        if isinstance(row, BrokenRow):
            rows.reject(number, row.reason, row.detail, row.text)
        else:
            rows.add(number, row, reader.read)
        if rows.reject_count > MOST_REJECTS:
            raise SourceError(
                f"{path} has more than {MOST_REJECTS:,} rows that are no articles",
                "nothing of it was stored; change the mapping, or write the file again",
            )
    parsed = rows.parsed()
    return replace(parsed, off_topic=parsed.off_topic - reader.outside_span)


class _ArticleReader:
    """Reads the fields of a story from a row."""

    def __init__(self, path: str, entry: NewsFiles, selection: StorySelection) -> None:
        self._path, self._entry, self._selection = path, entry, selection
        self._times = TimeReader(path, entry.time_format, entry.timezone)
        self._keys: dict[tuple[str, ...], dict[str, list[str]]] = {}  # ours: those of the rows
        self.outside_span = 0  # articles that became known before or after it

    def check_columns(self, names: Sequence[str]) -> None:
        """Find our columns in a table. Raises SourceError for one that it needs and has not."""
        places = columns_of(
            _Table(self._path, list(names)), self._entry.columns, USUAL, COLUMNS, NEEDED
        )
        keys = {column: [names[at] for at in positions] for column, positions in places.items()}
        self._keys[tuple(names)] = keys

    def read(self, row: Mapping[str, Any]) -> Fields | None:
        """Return the fields of a requested story; None to leave it out. Raises NotAStory."""
        keys = self._keys_of(row)
        fields: Fields = {name: self._value(row, keys.get(name, ())) for name in TEXTS}
        fields["title"] = text_of(fields["title"], "title")
        fields["summary"] = text_of(fields["summary"], "summary")
        fields |= {name: self._labels(row, keys.get(name, ()), name) for name in LABELS}
        times = {name: self._time(row, keys.get(name, ()), name) for name in TIMES}
        publication, sighting = times["published_at"], times["seen_at"]
        fields["published_at"] = publication.instant if publication else None
        fields["seen_at"] = (sighting.day_end or sighting.instant) if sighting else None
        if publication and not sighting:
            fields["seen_at"] = publication.day_end
        if not self._selection.has_time(fields["published_at"], fields["seen_at"]):
            self.outside_span += 1
            return None
        return self._about_topic(fields)

    def _about_topic(self, fields: Fields) -> Fields | None:
        topic = self._selection.topic
        text = f"{fields['title'] or ''}\n{fields['summary'] or ''}"
        is_on_topic = topic.name in (self._entry.topic, *fields["topics"]) or topic.matches(text)
        # Without a title it is no story, of whatever topic: that is counted.
        if not is_on_topic and text.strip():
            return None
        symbols = fields["symbols"] or topic.symbols_in(text)
        return fields | {"symbols": symbols, "topics": [topic.name]}

    def _keys_of(self, row: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return the keys of a row for each of our columns: those declared, or the usual ones."""
        shape = tuple(row)
        if shape not in self._keys:
            if len(self._keys) >= MOST_SHAPES:
                self._keys.clear()
            normalized = {normalize(key): key for key in reversed(shape)}
            self._keys[shape] = {
                column: list(self._entry.columns.get(column, ()))
                or [normalized[name] for name in USUAL[column] if name in normalized][:1]
                for column in COLUMNS
            }
        return self._keys[shape]

    def _value(self, row: Mapping[str, Any], keys: Sequence[str]) -> Any:
        """Return the first of some cells that is not empty; an outlet may be an object's name."""
        for key in keys:
            value = _cell(row, key)
            if isinstance(value, Mapping):
                value = value.get("name", value)
            if value is not None and value != "":
                return value
        return None

    def _time(self, row: Mapping[str, Any], keys: Sequence[str], name: str) -> ArticleTime | None:
        """Read the time in a cell; of several, such as a date and a clock, all as one text."""
        values = [value for key in keys if (value := _cell(row, key)) is not None]
        cell = " ".join(map(str, values)) if len(values) > 1 else next(iter(values), None)
        return self._times.read(cell, name)

    def _labels(self, row: Mapping[str, Any], keys: Sequence[str], name: str) -> list[str]:
        """Return a list that a cell has: a list of JSON, or a text with its separators."""
        value = self._value(row, keys)
        if value is None:
            return []
        if isinstance(value, list):
            labels = [text_of(label, name) or "" for label in value]
        else:
            text = text_of(value, name) or ""
            separator = self._entry.separator
            labels = text.split(separator) if separator else SEPARATORS.split(text.strip(" []"))
        return [label for part in labels if (label := part.strip(" \t'\""))]


def _cell(row: Mapping[str, Any], key: str) -> Any:
    """Return the value of a key, or of a path with dots into objects; None where there is none."""
    if key in row or "." not in key:
        return row.get(key)
    value: Any = row
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
