"""Stories for tests, as a source's answer has them, and what the lake has of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipelines.lake import Lake
from pipelines.landing.news import NewsCounts, land_news
from pipelines.sources.base import Answer
from pipelines.sources.news import STORIES, ParsedNews
from tests.steps.data.ingest_helpers import fresh_name

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def minutes(number: float) -> datetime:
    """So many minutes after NOON."""
    return NOON + timedelta(minutes=number)


def story_row(number: int = 1, title: str = "", **values: Any) -> dict[str, Any]:
    """A plausible row of STORIES, published at NOON."""
    row = dict.fromkeys(STORIES.names) | {
        "url": f"https://news.example/{number}",
        "title": title or f"Wall Street closes higher for day {number} in a row",
        "outlet": "Example Wire",
        "language": "en",
        "published_at": NOON,
        "row": number,
        "topics": ["sp500"],
    }
    return row | values


def answer_at(received_at: datetime, source: str) -> Answer:
    return Answer(source, "news", {"topic": "sp500"}, b"", "application/json", received_at)


def parsed(*rows: dict[str, Any], **more: Any) -> ParsedNews:
    return ParsedNews(pa.Table.from_pylist(list(rows), schema=STORIES), **more)


@dataclass(frozen=True)
class Wire:
    """A source of its own in a lake."""

    lake: Lake
    name: str = field(default_factory=lambda: next(fresh_name))

    def land(
        self, *rows: dict[str, Any], at: datetime = NOON + timedelta(hours=1), **more: Any
    ) -> NewsCounts:
        """Land rows as one answer received at a time."""
        answer = answer_at(at, self.name)
        with self.lake.write() as writer:
            counts, verdicts = land_news(writer, self.name, [(answer, parsed(*rows, **more))])
        assert all(v.passed for v in verdicts), [v for v in verdicts if not v.passed]
        return counts

    def silver(self, columns: str = "* EXCLUDE (source, batch)") -> list[tuple[Any, ...]]:
        return self.lake.rows(
            f"SELECT {columns} FROM silver.news WHERE source = ? ORDER BY known_at, story",
            [self.name],
        )

    def bronze(self, columns: str = "*") -> list[tuple[Any, ...]]:
        return self.lake.rows(f"SELECT {columns} FROM bronze.news WHERE source = ?", [self.name])

    def quarantine(self, columns: str = "reason") -> list[tuple[Any, ...]]:
        return self.lake.rows(
            f"""SELECT {columns} FROM silver.quarantine
                WHERE dataset = 'news' AND source = ? ORDER BY reason, original""",
            [self.name],
        )
