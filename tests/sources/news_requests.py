"""Requests for news of a topic of the tests, and sources that do not sleep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.sources.base import Answer
from pipelines.sources.news import NewsRequest, ParsedNews
from pipelines.sources.transport.retries import Patience

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
QUICK = Patience(tries=3, first=0.0, timeout=5)
HTML = "<!DOCTYPE html><html><body>Will be right back</body></html>"


class Clock:
    """A time that passes only by sleeping."""

    def __init__(self, now: datetime = NOW) -> None:
        self.instant = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.instant

    def seconds(self) -> float:
        return self.instant.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.instant += timedelta(seconds=seconds)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def news_request(
    start: str = "2026-11-20T10:00", end: str = "2026-11-20T11:00", topic: str = "markets"
) -> NewsRequest:
    return NewsRequest(topic, at(start), at(end), NOW)


def add_topic(
    monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, name: str = "markets"
) -> None:
    """Write a topic of the test, and use its folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("BULLION_TOPICS", str(folder))
    from pipelines.core import topics

    topics._topic.cache_clear()


def parse_all(source: Any, answers: list[Answer]) -> list[ParsedNews]:
    return [source.parse_news(answer) for answer in answers]


def stories(source: Any, answers: list[Answer]) -> list[dict[str, Any]]:
    return [row for parsed in parse_all(source, answers) for row in parsed.stories.to_pylist()]


def rejects(source: Any, answers: list[Answer]) -> list[tuple[int, str]]:
    """The row and reason of each reject."""
    rows = [row for parsed in parse_all(source, answers) for row in parsed.rejects.to_pylist()]
    return [(row["row"], row["reason"]) for row in rows]
