"""Pieces of a request that were brought are known by their names, dataset and time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.errors import AccessRefused, SourceError, SourceUnavailable, UnknownSymbol
from pipelines.lake import Lake
from pipelines.landing.bronze import keep_answers
from pipelines.sources.base import Answer
from pipelines.steps.data.ingest import IngestReport
from pipelines.steps.data.pieces import (
    GIVE_UP_AFTER,
    RESUME_WITHIN,
    finished_pieces,
    parsed_answers,
)


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


def fail_with(error: SourceError) -> Iterator[Answer]:
    raise error
    yield


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (SourceUnavailable("down"), 1),
        (SourceError("refused"), 0),
        (UnknownSymbol("no such thing"), 0),
        (AccessRefused("wrong key"), GIVE_UP_AFTER),  # the next piece is not asked for
    ],
)
def test_a_source_that_is_down_is_left_after_some_pieces_and_one_that_refuses_the_key_at_once(
    error: SourceError, unavailable: int
) -> None:
    report = IngestReport("wire", "all")
    assert list(parsed_answers(lambda: fail_with(error), lambda _: None, report)) == []
    assert report.unavailable == unavailable
    assert report.failures == [str(error)]
