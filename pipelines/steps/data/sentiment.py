"""Score the titles of stories by the sentiment model that speaks."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.contracts.news import NEWS_SENTIMENT
from pipelines.core.progress import Progress, no_progress
from pipelines.lake import Lake, View
from pipelines.sentiment.base import LABELS
from pipelines.sentiment.choice import ChosenModel, chosen_model

log = logging.getLogger(__name__)

BATCH = 2_000  # titles between two reports of progress
# A row of silver that was written after its story was scored may have another title: an earlier
# version of the story arrived.
PENDING = f"""
    SELECT n.story, n.known_at, n.title, s.story IS NOT NULL AS scored_before
    FROM silver.news n LEFT JOIN {NEWS_SENTIMENT.full_name} s
    ON s.source = n.source AND s.story = n.story AND s.sentiment_sha256 = ?
    WHERE n.source = ? AND n.duplicate_of IS NULL AND (s.batch IS NULL OR s.batch < n.batch)
    ORDER BY n.known_at, n.story
"""


@dataclass(frozen=True)
class SentimentReport:
    """How many stories were scored, by which model, and for the first time or again."""

    source: str
    choice: ChosenModel
    scored: int = 0
    scored_again: int = 0  # of these, whose row in silver was written anew

    @property
    def counts(self) -> dict[str, int]:
        return {"scored": self.scored, "scored_again": self.scored_again}

    def summary(self) -> str:
        again = f", {self.scored_again:,} of them again" if self.scored_again else ""
        return f"{self.source}: {self.scored:,} stories scored{again}; {self.choice.summary()}"


def score_stories(
    lake: Lake,
    source: str,
    *,
    choice: ChosenModel | None = None,
    progress: Progress = no_progress,
) -> SentimentReport:
    """Score the stories of a source that the model has not scored yet, in one commit.

    Repetitions of other stories are left out. Each row names the model that spoke and the one that
    was asked for. What another model had said of a story stays.
    """
    choice = choice or chosen_model()
    with lake.view() as view:
        pending = _pending_stories(view, source, choice)
    if not pending.num_rows:
        return SentimentReport(source, choice)
    scores = _score_titles(choice, pending["title"].to_pylist(), progress)
    # Titles are scored outside the writers' turn, and others may have written silver meanwhile.
    with lake.write(f"sentiment {source}") as writer:
        unchanged = _mark_unchanged(pending, _pending_stories(writer, source, choice))
        pending, scores = pending.filter(pa.array(unchanged)), scores[unchanged]
        again = pending.filter(pending["scored_before"])["story"].to_pylist()
        writer.replace(
            NEWS_SENTIMENT.full_name,
            _build_rows(source, choice, pending, scores),
            "source = ? AND sentiment_sha256 = ? AND story IN (SELECT unnest(?::VARCHAR[]))",
            [source, choice.model.sha256, again],
        )
    report = SentimentReport(source, choice, pending.num_rows, len(again))
    log.info("%s", report.summary())
    return report


def _pending_stories(view: View, source: str, choice: ChosenModel) -> pa.Table:
    return view.sql(PENDING, [choice.model.sha256, source])


def _score_titles(choice: ChosenModel, titles: list[str], progress: Progress) -> np.ndarray:
    scores = np.empty((len(titles), len(LABELS)))
    for first in range(0, len(titles), BATCH):
        progress(f"{choice.model.name} scores titles", first, len(titles))
        scores[first : first + BATCH] = choice.model.score(titles[first : first + BATCH])
    progress(f"{choice.model.name} scores titles", len(titles), len(titles))
    return scores


def _mark_unchanged(scored: pa.Table, pending: pa.Table) -> np.ndarray:
    """Mark the scored stories that are still pending as they were when they were scored."""
    if pending.equals(scored):
        return np.ones(scored.num_rows, dtype=bool)
    current = {tuple(row.values()) for row in pending.to_pylist()}
    return np.array([tuple(row.values()) in current for row in scored.to_pylist()], dtype=bool)


def _build_rows(
    source: str, choice: ChosenModel, stories: pa.Table, scores: np.ndarray
) -> pa.Table:
    count = stories.num_rows
    values = dict(zip(LABELS, scores.T, strict=True))
    # A sum of 1 may be missed by a bit.
    sentiment = np.clip(values["positive"] - values["negative"], -1, 1)
    return pa.table(
        {
            "source": pa.repeat(source, count),
            "story": stories["story"],
            "known_at": stories["known_at"],
            "sentiment_model": pa.repeat(choice.model.name, count),
            "sentiment_version": pa.repeat(choice.model.version, count),
            "sentiment_sha256": pa.repeat(choice.model.sha256, count),
            "asked_model": pa.repeat(choice.asked_model, count),
            **{name: np.clip(value, 0, 1) for name, value in values.items()},
            "sentiment": sentiment,
        }
    )
