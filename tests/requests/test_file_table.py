"""The table of a file has its times, actions, confidence and probabilities, and no formula."""

from __future__ import annotations

import csv
import io

import pytest

from pipelines.labels.action import ACTIONS
from pipelines.requests.file_table import escape_formula, write_csv
from tests.requests.five_minutes import LOOK_BACK, scored_file, served_models, write_lines


def test_each_row_has_its_action_with_the_probabilities_it_follows_from() -> None:
    file = scored_file(write_lines())
    rows = list(csv.DictReader(io.StringIO(write_csv(served_models(), file.lines, None))))
    assert [row["line"] for row in rows] == [str(line.line) for line in file.lines]
    for row in rows[:LOOK_BACK]:
        assert (row["action"], row["confidence"]) == ("", "")
        assert "warm-up" in row["reason"]
    for row in rows[LOOK_BACK:]:
        probabilities = {name: float(row[f"p_{name}"]) for name in ACTIONS}
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-6)
        assert float(row["confidence"]) == probabilities[row["action"]]
        assert row["ts"] < row["timestamp_next"]
        assert (row["proven"], row["trained_on"], row["reason"]) == ("true", "sample", "")


def test_a_less_probable_action_than_asked_for_is_hold_and_keeps_what_was_said() -> None:
    file = scored_file(write_lines())
    rows = list(csv.DictReader(io.StringIO(write_csv(served_models(), file.lines, 1.0))))
    held = [row for row in rows if row["said"]]
    assert held
    assert {row["action"] for row in rows[LOOK_BACK:]} == {"hold"}
    assert {row["score"] for row in held} == {"0.0"}


@pytest.mark.parametrize("text", ["=1+1", " @x", "-2", "+3", "\tx"])
def test_what_a_spreadsheet_would_take_for_a_formula_is_quoted(text: str) -> None:
    assert escape_formula(text) == f"'{text}"
    assert escape_formula("NVDA") == "NVDA"
