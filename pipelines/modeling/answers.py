"""What a model of each kind returns: in its ONNX file, and as columns of tables and of the API.

No training library is needed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from pipelines.core.errors import unknown
from pipelines.labels.base import Label
from pipelines.labels.sides import SIGN_SIDES
from pipelines.modeling.action_rules import ACTION_RULES, action_rule, expected_scores
from pipelines.modeling.description import Description

Output = tuple[str, list[int]]  # type and columns


class Answer(Protocol):
    """How one kind of target is answered: with outputs, and the prediction they lead to."""

    @property
    def names(self) -> tuple[str, str]:
        """The names of the file's two results: the outputs and the prediction."""
        ...

    def outputs(self, description: Description) -> dict[str, Output]:
        """The type and the shape of each result that a model so described must have."""
        ...

    def contradiction(self, description: Description) -> str:
        """Say what in a description does not fit this kind; empty where all of it fits."""
        ...

    def blank(self, rows: int, description: Description) -> tuple[np.ndarray, np.ndarray]:
        """Outputs and predictions of rows that are not scored."""
        ...

    def columns(
        self, label: Label, outputs: np.ndarray, predictions: np.ndarray, description: Description
    ) -> dict[str, pa.Array]:
        """The columns of gold.predictions that hold the answers of the model so described."""
        ...

    def actual(self, label: Label, truth: np.ndarray) -> pa.Array:
        """The column `actual` of gold.outcomes."""
        ...

    def signal_actions(self, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
        """The action of each row of gold.predictions that a signal counts."""
        ...

    def signal_scores(
        self, scores: Sequence[float], outputs: np.ndarray, predictions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The score of each row that a signal counts, and its expected score.

        `scores` are those of the classes.
        """
        ...


class ClassAnswer:
    """A class, and the probability of each class."""

    names = ("probabilities", "action")

    def outputs(self, description: Description) -> dict[str, Output]:
        return {
            "probabilities": ("tensor(float)", [len(description.classes)]),
            "action": ("tensor(int64)", []),
        }

    def contradiction(self, description: Description) -> str:
        count, shares = len(description.classes), len(description.shares)
        thresholds = len(description.thresholds)
        if not (shares == count and thresholds == count - 1):
            return f"{count} classes, {shares} shares and {thresholds} thresholds"
        rule, score_thresholds = description.rule, len(description.score_thresholds)
        if rule not in ACTION_RULES:
            return f"the rule of actions {rule!r}, which this Bullion does not know"
        if score_thresholds != action_rule(rule).count_thresholds(count):
            return f"{count} classes and {score_thresholds} thresholds of the rule {rule}"
        return ""

    def blank(self, rows: int, description: Description) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((rows, len(description.classes))), np.full(rows, -1, np.int64)

    def columns(
        self, label: Label, outputs: np.ndarray, predictions: np.ndarray, description: Description
    ) -> dict[str, pa.Array]:
        scores, count, rows = np.array(label.scores, float), len(label.classes), len(predictions)
        probabilities = np.clip(outputs.astype(np.float64), 0.0, 1.0)
        offsets = pa.array(np.arange(0, (rows + 1) * count, count, dtype=np.int32))
        classes = pa.array(np.tile(np.array(label.classes), rows), pa.string())
        items = pa.array(probabilities.ravel())
        none = pa.nulls(rows, pa.float64())
        reasons = action_rule(description.rule).explain(
            probabilities,
            predictions,
            label.classes,
            label.scores,
            description.shares,
            description.score_thresholds,
        )
        return {
            "action": pa.array(label.classes).take(pa.array(predictions)),
            "likeliest": pa.array(label.classes).take(pa.array(probabilities.argmax(axis=1))),
            "action_reason": pa.array(reasons, pa.string()),
            "score": pa.array(scores[predictions]),
            "expected_score": pa.array(probabilities @ scores),
            "confidence": pa.array(probabilities[np.arange(rows), predictions]),
            "probabilities": pa.MapArray.from_arrays(offsets, classes, items),
            **dict.fromkeys(VALUES, none),
        }

    def actual(self, label: Label, truth: np.ndarray) -> pa.Array:
        return pa.array(label.classes).take(pa.array(truth.astype(np.int64)))

    def signal_actions(self, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
        return rows["action"]

    def signal_scores(
        self, scores: Sequence[float], outputs: np.ndarray, predictions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(scores, np.float64)[predictions], expected_scores(outputs, scores)


class ValueAnswer:
    """A value, and the two ends of its interval. It is its own expected score."""

    names = ("interval", "value")

    def outputs(self, description: Description) -> dict[str, Output]:
        return {"interval": ("tensor(float)", [3]), "value": ("tensor(float)", [])}

    def contradiction(self, description: Description) -> str:
        classes = ", ".join(description.classes)
        return f"classes ({classes}) for a value" if classes else ""

    def blank(self, rows: int, description: Description) -> tuple[np.ndarray, np.ndarray]:
        return np.full((rows, 3), np.nan), np.full(rows, np.nan)

    def columns(
        self, label: Label, outputs: np.ndarray, predictions: np.ndarray, description: Description
    ) -> dict[str, pa.Array]:
        numbers, rows = outputs.astype(np.float64), len(predictions)
        none, text = pa.nulls(rows, pa.float64()), pa.nulls(rows, pa.string())
        maps = pa.nulls(rows, pa.map_(pa.string(), pa.float64()))
        return {
            "action": text,
            "likeliest": text,
            "action_reason": text,
            "score": none,
            "expected_score": pa.array(numbers[:, 0]),
            "confidence": none,
            "probabilities": maps,
            **{name: pa.array(numbers[:, place]) for place, name in enumerate(VALUES)},
        }

    def actual(self, label: Label, truth: np.ndarray) -> pa.Array:
        return pa.nulls(len(truth), pa.string())

    def signal_actions(self, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
        signs = np.sign(rows["value"].to_numpy()).astype(np.int64)
        return pa.array(SIGN_SIDES[0], pa.string()).take(pa.array(signs + 1))

    def signal_scores(
        self, scores: Sequence[float], outputs: np.ndarray, predictions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.sign(predictions).astype(np.float64), outputs[:, 0].astype(np.float64)


VALUES = ("value", "value_low", "value_high")
ANSWERS: Mapping[str, Answer] = {"classes": ClassAnswer(), "value": ValueAnswer()}


def answer_of(kind: str) -> Answer:
    """The answer of a kind of target, by the kind's name."""
    if kind not in ANSWERS:
        raise unknown("kind of target", kind, ANSWERS)
    return ANSWERS[kind]
