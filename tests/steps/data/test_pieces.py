"""Pieces of a request that were brought are known by their names, dataset and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipelines.lake import Lake
from pipelines.landing.bronze import keep_answers
from pipelines.sources.base import Answer
from pipelines.steps.data.pieces import RESUME_WITHIN, finished_pieces


def test_a_piece_is_finished_when_it_was_received_lately_and_after_its_end(lake: Lake) -> None:
    now = datetime.now(UTC)
    times = {"new": now, "old": now - RESUME_WITHIN - timedelta(minutes=1), "open": now}
    with lake.write() as writer:
        keep_answers(
            writer, [(n, Answer("wire", "news", {}, b"", "", t)) for n, t in times.items()]
        )
    ends = {"new": now - timedelta(hours=8), "old": now - timedelta(hours=8)}
    ends |= {"open": now + timedelta(hours=1), "unknown": now - timedelta(hours=8)}
    assert finished_pieces(lake, "wire", "news", ends) == {"new"}
    assert finished_pieces(lake, "wire", "bars", ends) == set()
    assert finished_pieces(lake, "other", "news", ends) == set()
