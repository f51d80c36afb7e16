"""Stories of silver scored once by each model; rows say which model spoke, and which was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from pipelines.lake import Lake
from pipelines.sentiment.choice import ChosenModel, chosen_model
from pipelines.sentiment.headlines import headline_model
from pipelines.steps.data.sentiment import score_stories

START = datetime(2026, 3, 2, 14, tzinfo=UTC)
TITLES = {
    "0000": "Shares soar on strong profit",
    "0001": "Lender's shares plunge",
    "0002": "Board to meet",
    "0003": "Shares soar on a strong profit",
}


@dataclass
class CountingModel:
    """A model whose scores are those of the title's length, and which keeps the titles it saw."""

    name: str = "counting"
    version: str = "1"
    sha256: str = "c" * 64
    titles: list[str] = field(default_factory=list)
    before_answer: object = None

    def score(self, titles: Sequence[str]) -> np.ndarray:
        self.titles += titles
        if callable(self.before_answer):
            self.before_answer()
        share = np.array([1 / (1 + len(title)) for title in titles])
        return np.column_stack([share, (1 - share) / 4, 3 * (1 - share) / 4])


def write_stories(
    lake: Lake, titles: dict[str, str], duplicates: Sequence[str] = (), source: str = "sample"
) -> None:
    """Write rows of silver.news, in place of those of the same stories."""
    count, time = len(titles), pa.timestamp("us", "UTC")
    known_at = pa.array([START + timedelta(minutes=int(story)) for story in titles], time)
    tone = pa.array([0.0] * count)
    rows = pa.table(
        {
            "source": [source] * count,
            "story": list(titles),
            "url": [f"https://news.example/{story}" for story in titles],
            "title": list(titles.values()),
            "language": ["en"] * count,
            "known_at": known_at,
            "symbols": pa.array([[]] * count, pa.list_(pa.string())),
            "topics": pa.array([["sp500"]] * count, pa.list_(pa.string())),
            "duplicate_of": pa.array(["0000" if s in duplicates else None for s in titles]),
            "repeats": pa.array([0] * count, pa.int32()),
            "corrections": pa.array([0] * count, pa.int32()),
            **dict.fromkeys(("polarity", "subjectivity", "financial_tone", "policy_tone"), tone),
            "received_at": known_at,
        }
    )
    with lake.write("test") as writer:
        writer.replace(
            "silver.news", rows, "source = ? AND list_contains(?, story)", [source, list(titles)]
        )


def sentiments(lake: Lake, columns: str, source: str = "sample") -> list[tuple[object, ...]]:
    return lake.rows(
        f"SELECT {columns} FROM gold.news_sentiment WHERE source = ? ORDER BY known_at, batch",
        [source],
    )


def test_each_story_has_the_row_of_its_title(lake: Lake) -> None:
    write_stories(lake, TITLES, duplicates=["0003"])
    report = score_stories(lake, "sample")
    assert report.counts == {"scored": 3, "scored_again": 0}
    rows = sentiments(lake, "story, known_at, positive, negative, neutral, sentiment")
    assert [row[0] for row in rows] == ["0000", "0001", "0002"]  # not the repetition
    assert [row[1] for row in rows] == [START + timedelta(minutes=m) for m in range(3)]
    expected = headline_model().score([TITLES[story] for story in ("0000", "0001", "0002")])
    np.testing.assert_array_equal([row[2:5] for row in rows], expected)
    np.testing.assert_array_equal([row[5] for row in rows], expected[:, 0] - expected[:, 1])
    names = "sentiment_model, sentiment_version, sentiment_sha256, asked_model"
    model = headline_model()
    assert set(sentiments(lake, names)) == {("headlines", model.version, model.sha256, "headlines")}
    assert "3 stories scored; the sentiment model is headlines" in report.summary()


def test_a_run_costs_what_is_new(lake: Lake) -> None:
    model = CountingModel()
    choice = ChosenModel(model, model.name)
    write_stories(lake, {"0000": TITLES["0000"]})
    assert score_stories(lake, "sample", choice=choice).scored == 1
    snapshot = lake.snapshot
    assert score_stories(lake, "sample", choice=choice).scored == 0
    assert lake.snapshot == snapshot  # nothing to do is no commit
    write_stories(lake, {"0001": TITLES["0001"]})
    write_stories(lake, {"0000": TITLES["0000"]}, source="files")
    assert score_stories(lake, "sample", choice=choice).scored == 1
    assert model.titles == [TITLES["0000"], TITLES["0001"]]
    assert sentiments(lake, "story", "files") == []


def test_a_story_of_another_title_is_scored_again(lake: Lake) -> None:
    model = CountingModel()
    choice = ChosenModel(model, model.name)
    write_stories(lake, TITLES)
    score_stories(lake, "sample", choice=choice)
    before = sentiments(lake, "story, positive")
    write_stories(lake, {"0001": "An earlier, longer title of the lender"})
    report = score_stories(lake, "sample", choice=choice)
    assert report.counts == {"scored": 1, "scored_again": 1}
    assert "1 of them again" in report.summary()
    after = sentiments(lake, "story, positive")
    assert [row[0] for row in after] == list(TITLES)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True, True]


def test_what_another_model_said_stays(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    model = CountingModel()
    write_stories(lake, {"0000": TITLES["0000"]})
    score_stories(lake, "sample", choice=ChosenModel(model, model.name))
    monkeypatch.setenv("BULLION_SENTIMENT", "finbert")
    report = score_stories(lake, "sample")
    assert report.choice.is_substitute
    assert "instead of finbert" in report.summary()
    assert sentiments(lake, "sentiment_model, asked_model") == [
        ("counting", "counting"),
        ("headlines", "finbert"),
    ]


def test_what_changed_while_it_was_scored_waits_for_the_next_run(lake: Lake) -> None:
    model = CountingModel()
    choice = ChosenModel(model, model.name)
    write_stories(lake, TITLES)
    model.before_answer = lambda: write_stories(lake, {"0002": "Board met"})
    assert score_stories(lake, "sample", choice=choice).scored == 3
    model.before_answer = None
    assert score_stories(lake, "sample", choice=choice).scored == 1
    assert model.titles[-1] == "Board met"
    assert len(sentiments(lake, "story")) == 4


def test_progress_is_reported_and_batches_are_whole(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.steps.data.sentiment.BATCH", 3)
    write_stories(lake, TITLES)
    reports: list[tuple[int, int]] = []
    score_stories(lake, "sample", progress=lambda _, done, total: reports.append((done, total)))
    assert reports == [(0, 4), (3, 4), (4, 4)]
    scores = headline_model().score(list(TITLES.values()))
    np.testing.assert_array_equal(sentiments(lake, "positive"), scores[:, :1])


def test_the_default_model_is_that_of_the_settings(lake: Lake) -> None:
    assert score_stories(lake, "sample").choice.summary() == chosen_model().summary()
