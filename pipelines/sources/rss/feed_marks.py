"""What a feed said last of its version (ETag, Last-Modified), kept between runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.core.state_folder import open_state, state_folder

FILE = "feeds.sqlite"
SCHEMA = """CREATE TABLE IF NOT EXISTS marks
            (topic TEXT, feed TEXT, etag TEXT, modified TEXT, PRIMARY KEY (topic, feed))"""
LONGEST = 1000  # characters of a mark


@dataclass(frozen=True)
class Mark:
    """The version of a feed that the lake has for a topic."""

    etag: str = ""
    modified: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for a newer version only."""
        names = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in names.items() if value}


def clean_mark(text: str) -> str:
    """Return what may be sent back of a mark: all of it, or nothing."""
    is_sane = len(text) <= LONGEST and text.isascii() and text.isprintable()
    return text if is_sane else ""


def read_mark(topic: str, feed: str) -> Mark:
    """Return the mark of a feed, by its fingerprint; an empty one where there is none."""
    if not (state_folder() / FILE).exists():
        return Mark()
    with open_state(FILE, SCHEMA) as connection:
        rows = connection.execute(
            "SELECT etag, modified FROM marks WHERE topic = ? AND feed = ?", [topic, feed]
        ).fetchall()
    return Mark(*rows[0]) if rows else Mark()


def write_marks(marks: Iterable[tuple[str, str, Mark]]) -> None:
    """Keep the marks of feeds: topic, fingerprint of the feed, and mark."""
    rows = [(topic, feed, mark.etag, mark.modified) for topic, feed, mark in marks]
    if rows:
        with open_state(FILE, SCHEMA) as connection:
            connection.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", rows)
