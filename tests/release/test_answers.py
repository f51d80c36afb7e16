"""What counts as another answer: a value that differs though blue's own stood still."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.release.answers import Reading, find_difference


def reading(body: Any, status: int = 200) -> Reading:
    return Reading(status, 0.01, json.dumps(body).encode())


def difference(before: Any, other: Any, after: Any) -> str | None:
    return find_difference(reading(before), reading(other), reading(after))


def test_equal_answers_do_not_differ_and_a_value_that_differs_is_named() -> None:
    answer = {"wss": 0.25, "rows": [{"symbol": "NVDA", "score": 2}]}
    assert difference(answer, answer, answer) == ""
    other = {"wss": 0.25, "rows": [{"symbol": "NVDA", "score": 1}]}
    assert difference(answer, other, answer) == "rows[0].score is 1 instead of 2"


def test_what_blue_itself_answers_otherwise_a_moment_later_is_not_compared() -> None:
    before, other, after = ({"age": age, "wss": 1} for age in (3, 4, 5))
    assert difference(before, other, after) == ""
    assert difference(before, other | {"wss": 2}, after) == "wss is 2 instead of 1"


def test_the_last_digits_of_a_float_may_differ_and_no_others() -> None:
    assert difference({"p": 0.123456789}, {"p": 0.123456790}, {"p": 0.123456789}) == ""
    assert difference({"p": 0.1234}, {"p": 0.1235}, {"p": 0.1234})


@pytest.mark.parametrize(
    ("other", "words"),
    [({"a": 1}, "other fields"), ([], "other fields"), ("x", "other fields")],
    ids=str,
)
def test_other_fields_are_a_difference(other: Any, words: str) -> None:
    answer = {"a": 1, "b": 2}
    assert words in str(difference(answer, other, answer))


def test_another_length_of_a_list_is_a_difference_unless_blue_grew_too() -> None:
    assert "another length" in str(difference([1, 2], [1], [1, 2]))
    assert difference([1, 2], [1, 2, 3], [1, 2, 3]) == ""


def test_another_status_is_a_difference_and_none_where_blue_changed_it() -> None:
    ok, missing = reading({}), reading({}, 404)
    assert find_difference(ok, missing, ok) == "status 404 instead of 200"
    assert find_difference(ok, missing, missing) is None


def test_texts_are_compared_as_they_are() -> None:
    csv, other = Reading(200, 0, b"a,b\n"), Reading(200, 0, b"a,c\n")
    assert find_difference(csv, csv, csv) == ""
    assert find_difference(csv, other, csv) == "another text"
    assert find_difference(csv, other, other) is None
    assert find_difference(reading({}), csv, reading({})) == "no JSON"
