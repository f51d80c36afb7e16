"""Values are compared to the last bit, and the first that differs is named."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from pipelines.steps.proof.differences import find_differences, first_difference, is_same

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "other", "same"),
    [
        (0.1 + 0.2, 0.3, False),
        (math.nan, math.nan, True),
        (0.0, -0.0, False),
        (1, 1.0, False),
        (None, None, True),
        (None, 0.0, False),
        ([("a", 1.0)], [("a", 1.0)], True),
        ([("a", 1.0)], [("a", math.nextafter(1.0, 2))], False),
        ([], [1], False),
        ("x", "x", True),
    ],
    ids=str,
)
def test_the_same_is_the_same_bits(value: Any, other: Any, same: bool) -> None:
    assert is_same(value, other) is same


def rows(*values: tuple[str, float, int]) -> pa.Table:
    names = ("symbol", "value", "batch")
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in values])
    return table.append_column("ts", pa.array([NOON] * len(values)))


def test_the_first_difference_names_row_column_and_both_values() -> None:
    published, again = rows(("B", 1.0, 1), ("A", 2.0, 1)), rows(("A", 2.5, 9), ("B", 1.0, 9))
    difference = first_difference("gold.x", published, again, ("symbol", "ts"), ("batch",))
    assert str(difference) == "gold.x A 2026-11-27T12:00Z: value was 2.0, and is now 2.5"
    assert first_difference("gold.x", published, published, ("symbol", "ts")) is None


def test_a_row_that_only_one_has_differs_as_a_whole() -> None:
    published, again = rows(("A", 1.0, 1)), rows(("B", 1.0, 1))
    texts = [str(d) for d in find_differences("gold.x", published, again, ("symbol",))]
    assert texts == [
        "gold.x A: the whole row was a row, and is now no such row",
        "gold.x B: the whole row was no such row, and is now a row",
    ]
