"""Answers of several commits are landed together only where no bar has two versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pipelines.core.intervals import interval_of
from pipelines.sources.base import ACTIONS, Answer, Parsed
from pipelines.steps.proof.replay import _agree
from tests.scripted import bar_row, bars_table

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
ANSWER = Answer("sample", "bars", {}, b"", "application/json", OPEN)


def piece(*rows: tuple[str, int, float], splits: int = 0) -> tuple[Answer, Parsed]:
    bars = bars_table(
        [bar_row(name, OPEN + timedelta(hours=n), price, 500) for name, n, price in rows]
    )
    row = {"symbol": "AAPL", "date": OPEN.date(), "kind": "split", "value": 2.0}
    actions = pa.Table.from_pylist([row] * splits, schema=ACTIONS)
    return ANSWER, Parsed(interval_of("1h"), bars, actions=actions)


def test_bars_of_their_own_and_repeated_ones_agree() -> None:
    first, second = piece(("AAPL", 0, 100.0)), piece(("AAPL", 1, 101.0), ("MSFT", 0, 100.0))
    assert _agree([first, second])
    assert _agree([first, piece(("AAPL", 0, 100.0))])


def test_two_versions_of_a_bar_and_a_split_are_landed_one_by_one() -> None:
    first = piece(("AAPL", 0, 100.0))
    assert not _agree([first, piece(("AAPL", 0, 100.5))])
    assert not _agree([first, piece(("AAPL", 1, 101.0), splits=1)])
