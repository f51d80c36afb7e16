"""What becomes of a story: its identity, when it was known, why it is rejected, how it settles.

All of it is pure, and follows from the rows of bronze.news alone, in whatever order they came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE
from pipelines.landing.story_text import (
    MOST_RAW_SUMMARY,
    MOST_RAW_TITLE,
    MOST_SUMMARY,
    MOST_TITLE,
    plain_text,
)
from pipelines.landing.story_url import MOST_URL, canonical_url

MINUTE = 60 * 10**6  # microseconds
AHEAD = 15 * MINUTE  # how far clocks of publishers may run ahead
OLDEST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * 10**6
MOST_AGE = 365 * 24 * 60 * MINUTE
MOST_OUTLET, MOST_LANGUAGE = 200, 64
MOST_LABELS, MOST_LABEL = 100, 64  # symbols or topics of a story, and characters of each
# SQL: received before it can have been published; a later receipt of the same row is another one.
IS_FUTURE = (
    f"coalesce(greatest(published_at, seen_at) > received_at + to_microseconds({AHEAD}), false)"
)
LENGTHS = {
    "url": MOST_URL + 1,  # so that a longer one is seen to be too long
    "title": MOST_RAW_TITLE,
    "summary": MOST_RAW_SUMMARY,
    "outlet": MOST_OUTLET,
    "language": MOST_LANGUAGE,
}
SOURCE_FIELDS = (*LENGTHS, "published_at", "seen_at", "symbols", "topics")
DETAILS = {
    "no_url": "it has no address",
    "long_url": f"its address has more than {MOST_URL:,} characters",
    "unsafe_url": "its address is no http or https address of a host",
    "no_title": "it has no title, or none that can be read",
    "future": "it is dated more than 15 minutes after it was received",
    "ancient": "it was published before 1990, or more than a year before it was seen",
}


@dataclass(frozen=True, slots=True)
class StoryVersion:
    """A story as it was at one time; times are microseconds since 1970."""

    story: str
    url: str
    title: str
    summary: str | None
    outlet: str | None
    language: str | None  # as the source said it
    published_at: int | None
    known_at: int
    received_at: int
    symbols: tuple[str, ...]
    topics: tuple[str, ...]

    @property
    def order(self) -> tuple[Any, ...]:
        """Of versions the first is the one that counts. Nothing here depends on their arrival."""
        texts = (self.title, self.summary or "", self.url, self.outlet or "", self.language or "")
        return (self.known_at, self.received_at, *texts, self.symbols, self.topics)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is no story, and why."""

    reason: str


def bound_rows(rows: pa.Table) -> pa.Table:
    """Return rows of STORIES with texts of bounded length, and the id of each story.

    NUL becomes the mark of a lost character, since the catalog of the lake cannot have it.
    """
    columns = {}
    for name, length in LENGTHS.items():
        text = pc.utf8_slice_codeunits(rows[name], 0, length)
        columns[name] = pc.replace_substring(text, "\0", "\ufffd")
    for name in ("symbols", "topics"):
        lists = [_bound_labels(labels) for labels in rows[name].to_pylist()]
        columns[name] = pa.array(lists, pa.list_(pa.string()))
    texts = (columns[name].to_pylist() for name in ("url", "outlet", "title"))
    columns["story"] = pa.array([identify_story(*t) for t in zip(*texts, strict=True)], pa.string())
    others = {name: rows[name] for name in ("published_at", "seen_at", "row", "received_at")}
    return pa.table(columns | others)


def _bound_labels(labels: Sequence[str | None] | None) -> list[str] | None:
    if labels is None:
        return None
    bounded_labels = [plain_text(label, MOST_LABEL) for label in labels[:MOST_LABELS]]
    return sorted({label for label in bounded_labels if label})


def identify_story(url: str | None, outlet: str | None, title: str | None) -> str | None:
    """Return the id of a story: of its canonical URL, else of its outlet and title."""
    identity = canonical_url(url or "")[0] or url or "\n".join(filter(None, (outlet, title)))
    return sha256(identity.encode()).hexdigest()[:16] if identity.strip() else None


def judge_rows(rows: pa.Table) -> Iterator[StoryVersion | Rejected]:
    """Yield what becomes of each row: a version of a story, or a reason against it."""
    names = ("url", "title", "summary", "outlet", "language", "symbols", "topics", "story")
    texts = [rows[name].to_pylist() for name in names]
    times = [
        rows[name].cast(pa.int64()).to_pylist()
        for name in ("published_at", "seen_at", "received_at")
    ]
    for row in zip(*texts, *times, strict=True):
        yield _judge(*row)


def _judge(
    url: str | None,
    title: str | None,
    summary: str | None,
    outlet: str | None,
    language: str | None,
    symbols: list[str] | None,
    topics: list[str] | None,
    story: str,
    published_at: int | None,
    seen_at: int | None,
    received_at: int,
) -> StoryVersion | Rejected:
    address, reason = canonical_url(url or "")
    clean_title = plain_text(title, MOST_TITLE)
    if not reason and not any(map(str.isalnum, clean_title)):
        reason = "no_title"
    reason = reason or _date_reason(published_at, seen_at, received_at)
    if reason:
        return Rejected(reason)
    return StoryVersion(
        story,
        address,
        clean_title,
        plain_text(summary, MOST_SUMMARY) or None,
        plain_text(outlet, MOST_OUTLET) or None,
        language,
        published_at,
        find_known_at(published_at, seen_at, received_at),
        received_at,
        tuple(symbols or ()),
        tuple(topics or ()),
    )


def _date_reason(published_at: int | None, seen_at: int | None, received_at: int) -> str:
    """Return why a story's times cannot be: future or ancient; empty where they can."""
    times = [time for time in (published_at, seen_at) if time is not None]
    if times and max(times) > received_at + AHEAD:
        return "future"
    if published_at is not None:
        is_aged = seen_at is not None and published_at < seen_at - MOST_AGE
        return "ancient" if published_at < OLDEST or is_aged else ""
    return ""


def find_known_at(published_at: int | None, seen_at: int | None, received_at: int) -> int:
    """Return when a story became known: when the source had it, else when it was published.

    Never before it was published, and never after it was received.
    """
    if seen_at is None:
        return received_at if published_at is None else min(published_at, received_at)
    return min(max(seen_at, published_at or seen_at), received_at)


@dataclass(frozen=True, slots=True)
class SettledStory:
    """The version of a story that counts, and what came of it later."""

    first: StoryVersion
    symbols: tuple[str, ...]  # that any version of the same title names
    topics: tuple[str, ...]
    corrections: int
    corrected_title: str | None
    corrected_at: int | None


def settle_story(versions: Sequence[StoryVersion]) -> SettledStory:
    """Return a story as it first became known, with its later titles counted."""
    in_order = sorted(versions, key=lambda version: version.order)
    first = in_order[0]
    alike = [version for version in in_order if version.title == first.title]
    # A correction that does not say when it was made was known when it was received; one that came
    # several times, when it first was.
    corrections: dict[str, int] = {}
    for version in in_order:
        if version.title != first.title:
            is_later = version.known_at > first.known_at
            at = version.known_at if is_later else version.received_at
            corrections[version.title] = min(at, corrections.get(version.title, at))
    newest_title = max(corrections, key=lambda title: (corrections[title], title), default=None)
    return SettledStory(
        first,
        tuple(sorted({symbol for version in alike for symbol in version.symbols})),
        tuple(sorted({topic for version in alike for topic in version.topics})),
        len(corrections),
        newest_title,
        None if newest_title is None else corrections[newest_title],
    )


def write_original(row: dict[str, Any]) -> str:
    """Return a rejected row as JSON, as bronze has it."""
    return json.dumps({name: row[name] for name in SOURCE_FIELDS}, default=str, ensure_ascii=False)


def to_instants(values: Sequence[int | None]) -> pa.Array:
    """Return microseconds since 1970 as times in UTC."""
    return pa.array(values, pa.int64()).cast(UTC_TYPE)


def to_time(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
