"""What a mapping says is checked, and each fault named with its key."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.sources.files import entries
from pipelines.sources.files.mapping import Split


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (lambda: list(entries.list_entries({"series": 3}, "series", "x")), "series of x"),
        (lambda: entries.check_keys([], (), "x"), "'key: value' lines but []"),
        (lambda: entries.check_keys({1: 2}, None, "x"), "key 1 in x is not text"),
        (lambda: entries.check_keys({"a": 2}, ("b",), "x"), "unknown key in x: 'a'"),
        (lambda: entries.read_values(Split, {"symbol": "A"}, "x"), "x has no date"),
        (lambda: entries.check_choice("unit", "foot", ("metre",), "x"), "unknown unit of x"),
        (lambda: entries.check_zone("Mars", "x"), "timezone 'Mars' of x"),
        (lambda: entries.check_text(3, "x"), "x is not text but 3"),
        (lambda: entries.check_texts(["a", 3], "x"), "x is not text but 3"),
        (lambda: entries.check_readable("A\0", "x"), "signs that cannot be seen"),
    ],
)
def test_a_fault_is_named(check: Any, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check()
    assert words in str(caught.value)


def test_sound_values_are_returned() -> None:
    assert list(entries.list_entries({"series": ["a"]}, "series", "x")) == [(1, "a")]
    assert list(entries.list_entries({"series": None}, "series", "x")) == []
    values = {"symbol": "A", "date": "2020-01-01", "ratio": 2}
    assert entries.read_values(Split, values, "x") == values
    assert entries.check_texts("a", "x") == ("a",)
    assert entries.check_text("a", "x") == entries.check_readable("a", "x") == "a"


def test_a_long_value_is_shortened() -> None:
    assert len(entries.abbreviate([["a" * 1000] * 1000] * 1000)) < 2000
