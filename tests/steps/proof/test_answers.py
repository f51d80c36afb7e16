"""Raw answers are put together from their parts, and held against their SHA-256."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from pipelines.lake import Lake
from pipelines.landing.bronze import PART_BYTES, keep_answers
from pipelines.sources.base import Answer
from pipelines.steps.proof.answers import list_answers, read_answers
from pipelines.steps.proof.differences import DamagedAnswer

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
PIECE = "AAPL,MSFT 1h 2026-11-27T00:00:00+00:00 2026-11-28T00:00:00+00:00"


def keep(lake: Lake, body: bytes, piece: str = PIECE) -> int:
    answer = Answer("files", "bars", {"file": "a.csv"}, body, "text/csv", NOON)
    with lake.write("answers") as writer:
        keep_answers(writer, [(piece, answer)])
        return writer.batch


def test_a_large_answer_is_one_body_again(lake: Lake) -> None:
    body = Random(1).randbytes(PART_BYTES + 1000)
    batch = keep(lake, body)
    with lake.view() as view:
        (stored,) = list_answers(view, "files", "bars", [batch])
        ((_, answer),) = read_answers(view, [stored])
    assert answer.body == body
    assert answer.query == {"file": "a.csv"}
    assert stored.symbols == frozenset(("AAPL", "MSFT"))


def test_an_answer_is_listed_by_its_commit_or_by_its_time(lake: Lake) -> None:
    batches = [keep(lake, b"one"), keep(lake, b"two", "everything found")]
    with lake.view() as view:
        assert [a.batch for a in list_answers(view, "files", "bars", batches[1:])] == batches[1:]
        listed = list_answers(view, "files", "bars", [], [NOON])
        assert [a.batch for a in listed] == batches
        assert listed[1].symbols is None
        assert list_answers(view, "files", "news", batches) == []
        assert list_answers(view, "files", "bars", []) == []


@pytest.mark.parametrize("column", ["sha256", "body"])
def test_an_answer_that_is_not_what_was_received_is_named(lake: Lake, column: str) -> None:
    batch = keep(lake, b"time,close\n")
    value = "'0'" if column == "sha256" else "'\\x28\\xB5\\x00'::BLOB"
    with lake.write("tamper") as writer:
        writer.touch("bronze.answers")
        writer.run(f"UPDATE bronze.answers SET {column} = {value}")
    with lake.view() as view, pytest.raises(DamagedAnswer, match="raw answer files bars 'AAPL"):
        list(read_answers(view, list_answers(view, "files", "bars", [batch])))
