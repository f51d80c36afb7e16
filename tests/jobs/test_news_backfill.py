"""A backfill of a week of news forwards, backwards and twice: the same silver and gold."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import jobs
from pipelines.jobs.news import NewsRun
from pipelines.lake import Lake
from pipelines.sources.sample import Sample
from tests.empty_lake import at, create_lake

DAY = timedelta(days=1)
START = datetime(2026, 9, 21, tzinfo=UTC)  # a Monday
WEEK = [START + day * DAY for day in range(7)]
TABLES = {
    "silver.news": ("source", "story"),
    "gold.news_sentiment": ("source", "story", "sentiment_sha256"),
    "gold.news_signals": ("source", "topic", "window_end", "known_at"),
}
# When and in which commit a row was written. All else is the same, received_at included: a run of
# the past knows what was known at the end of its own day.
WRITTEN = {"batch", "computed_at"}
SMALL = """
meaning: a part of the sample's wire, small enough to be brought three times over
terms: [Chip stocks, Stocks of insurers, Northgate Robotics, exports hit a record low]
"""


@pytest.fixture(autouse=True)
def topics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare the topic `chips`, and have the sample play dirty."""
    folder = tmp_path / "topics"
    folder.mkdir()
    (folder / "chips.yaml").write_text(SMALL)
    monkeypatch.setenv("BULLION_TOPICS", str(folder))
    monkeypatch.setenv("BULLION_SAMPLE_DIRT", "1")


def backfill(lake: Lake, monkeypatch: pytest.MonkeyPatch, days: Sequence[datetime]) -> None:
    """Run the two tasks of the DAG for each day, in this order, in an open lake."""
    monkeypatch.setattr("pipelines.jobs.news.open_lake", lambda: nullcontext(lake))
    # Not the source of this process: that may have been created before the sample played dirty.
    monkeypatch.setattr("pipelines.jobs.news.source_with", lambda name, dataset: Sample())
    for day in days:
        run = NewsRun("chips", day, day + DAY, "backfill", fill=False)
        jobs.bring_news("sample", run)
        jobs.news_signals(["sample"], run)


def read_rows(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    tables = {
        name: lake.sql(f"SELECT * FROM {name} ORDER BY {', '.join(key)}").to_pylist()
        for name, key in TABLES.items()
    }
    return {
        name: [{k: v for k, v in row.items() if k not in WRITTEN} for row in rows]
        for name, rows in tables.items()
    }


def test_forwards_backwards_and_twice_give_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        create_lake(at(tmp_path / "forwards")) as first,
        create_lake(at(tmp_path / "backwards")) as second,
    ):
        backfill(first, monkeypatch, WEEK)
        forwards = read_rows(first)
        backfill(second, monkeypatch, WEEK[::-1])
        backwards = read_rows(second)
        backfill(first, monkeypatch, WEEK)
        twice = read_rows(first)
    for table, expected in forwards.items():
        assert backwards[table] == expected, table
        assert twice[table] == expected, table
    stories, signals = forwards["silver.news"], forwards["gold.news_signals"]
    assert len({row["window_end"] for row in signals}) == len(signals) == 7 * 24 * 4
    assert not any(row["live"] for row in signals)
    assert sum(row["article_count"] > 0 for row in signals) > 400
    # The week has what makes the order matter.
    kinds = {
        "late": sum(
            row["known_at"] - row["published_at"] > timedelta(minutes=2) for row in stories
        ),
        "corrected": sum(row["corrections"] > 0 for row in stories),
        "repeated": sum(row["duplicate_of"] is not None for row in stories),
    }
    assert min(kinds.values()) > 5, kinds
