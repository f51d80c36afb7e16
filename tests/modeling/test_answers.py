"""The columns of tables that outputs and predictions become."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action, NextReturn
from pipelines.modeling.answers import ANSWERS, answer_of
from pipelines.modeling.description import Description


def test_classes_become_an_action_with_its_score_and_probabilities() -> None:
    label = Action()
    outputs = np.array([[0.1, 0.1, 0.2, 0.2, 0.4]], np.float32)
    description = Description(
        label.classes, (), (), (-1.0, -0.5, 0.5, 1.0), (0.1, 0.2, 0.4, 0.2, 0.1),
        rule="by_expected_score", score_thresholds=(-0.5, -0.2, 0.2, 1.0),
    )  # fmt: skip
    columns = answer_of("classes").columns(label, outputs, np.array([3]), description)
    row = {name: column.to_pylist()[0] for name, column in columns.items()}
    assert (row["action"], row["score"], row["value"]) == ("buy", 1.0, None)
    assert row["expected_score"] == pytest.approx(0.7)
    assert row["confidence"] == pytest.approx(0.2)
    assert row["likeliest"] == "strong_buy"
    assert row["action_reason"] == (
        "expected score +0.70, among the highest 30 % that this model gives, below the highest 10 %"
    )
    assert dict(row["probabilities"])["strong_buy"] == pytest.approx(0.4)


def test_a_value_is_its_own_expected_score() -> None:
    outputs = np.array([[0.01, -0.02, 0.03]], np.float32)
    columns = answer_of("value").columns(
        NextReturn(), outputs, outputs[:, 0], Description((), (), (), (), (), kind="value")
    )
    row = {name: column.to_pylist()[0] for name, column in columns.items()}
    assert row["expected_score"] == row["value"] == pytest.approx(0.01)
    assert (row["value_low"], row["value_high"]) == pytest.approx((-0.02, 0.03))
    names = ("action", "likeliest", "action_reason", "probabilities")
    assert [row[name] for name in names] == [None] * 4


def test_both_kinds_have_the_same_columns_and_rows_that_are_not_scored() -> None:
    description = Description(("a", "b"), (), (), (0.0,), (0.5, 0.5))
    shapes = {}
    for kind, label in (("classes", Action()), ("value", NextReturn())):
        outputs, predictions = ANSWERS[kind].blank(2, description)
        assert len(outputs) == len(predictions) == 2
        width = len(label.classes) or 3
        shares = (0.2,) * len(label.classes)
        columns = ANSWERS[kind].columns(
            label,
            np.zeros((2, width)),
            np.zeros(2, np.int64),
            Description(label.classes, (), (), (), shares, kind=kind),
        )
        shapes[kind] = {name: (len(column), column.type) for name, column in columns.items()}
    assert shapes["classes"] == shapes["value"]


def test_a_signal_counts_classes_by_their_scores_and_values_by_their_sign() -> None:
    outputs = np.array([[0.1, 0.2, 0.4, 0.2, 0.1], [0.5, 0.5, 0.0, 0.0, 0.0]])
    scores, expected = answer_of("classes").signal_scores(
        Action().scores, outputs, np.array([4, 0])
    )
    assert (scores.tolist(), expected.tolist()) == ([2.0, -2.0], [0.0, -1.5])
    values = np.array([[0.01, -0.02, 0.03], [-0.01, -0.02, 0.0], [0.0, -0.1, 0.1]])
    scores, expected = answer_of("value").signal_scores((), values, values[:, 0])
    assert (scores.tolist(), expected.tolist()) == ([1.0, -1.0, 0.0], [0.01, -0.01, 0.0])
    rows = pa.table({"action": ["buy", "sell"], "value": [0.0, -0.1]})
    assert answer_of("classes").signal_actions(rows).to_pylist() == ["buy", "sell"]
    assert answer_of("value").signal_actions(rows).to_pylist() == ["hold", "sell"]


def test_a_description_of_another_kind_is_contradicted() -> None:
    description = Description(("a", "b"), (), (), (0.0,), (0.5, 0.5))
    assert answer_of("classes").contradiction(description) == ""
    unknown = Description(("a", "b"), (), (), (0.0,), (0.5, 0.5), rule="by_moon")
    assert "'by_moon', which this Bullion does not know" in answer_of("classes").contradiction(
        unknown
    )
    uncut = Description(("a", "b"), (), (), (0.0,), (0.5, 0.5), rule="by_expected_score")
    assert "0 thresholds of the rule by_expected_score" in answer_of("classes").contradiction(uncut)
    assert "for a value" in answer_of("value").contradiction(description)
    with pytest.raises(InvalidRequest, match="unknown kind of target"):
        answer_of("values")
