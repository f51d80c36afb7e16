"""What a model of each kind answers: as its ONNX file gives it, and as tables and the API tell it.

No training library is needed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from pipelines.core.errors import unknown
from pipelines.labels.base import Label

if TYPE_CHECKING:
    from pipelines.modeling.scorer import Description

Output = tuple[str, list[int]]  # type and columns


class Answer(Protocol):
    """How one kind of target is answered."""

    @property
    def names(self) -> tuple[str, str]:
        """The file's outputs: what the model gives, and what it says."""
        ...

    def outputs(self, told: Description) -> dict[str, Output]: ...

    def unsound(self, told: Description) -> str:
        """What a description lacks, if anything."""
        ...

    def nothing(self, rows: int, told: Description) -> tuple[np.ndarray, np.ndarray]:
        """What is given and said of rows that are not scored."""
        ...

    def columns(self, label: Label, given: np.ndarray, said: np.ndarray) -> dict[str, pa.Array]:
        """Of gold.predictions."""
        ...

    def actual(self, label: Label, truth: np.ndarray) -> pa.Array:
        """What became of rows, as gold.outcomes tells it."""
        ...


class ClassAnswer:
    """A class, and the probability of each."""

    names = ("probabilities", "action")

    def outputs(self, told: Description) -> dict[str, Output]:
        return {
            "probabilities": ("tensor(float)", [len(told.classes)]),
            "action": ("tensor(int64)", []),
        }

    def unsound(self, told: Description) -> str:
        count = len(told.classes)
        if len(told.shares) == count and len(told.thresholds) == count - 1:
            return ""
        return f"{count} classes, {len(told.shares)} shares and {len(told.thresholds)} thresholds"

    def nothing(self, rows: int, told: Description) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((rows, len(told.classes))), np.full(rows, -1, np.int64)

    def columns(self, label: Label, given: np.ndarray, said: np.ndarray) -> dict[str, pa.Array]:
        scores, count, rows = np.array(label.scores, float), len(label.classes), len(said)
        probabilities = np.clip(given.astype(np.float64), 0.0, 1.0)
        offsets = pa.array(np.arange(0, (rows + 1) * count, count, dtype=np.int32))
        classes = pa.array(np.tile(np.array(label.classes), rows), pa.string())
        items = pa.array(probabilities.ravel())
        none = pa.nulls(rows, pa.float64())
        return {
            "action": pa.array(label.classes).take(pa.array(said)),
            "score": pa.array(scores[said]),
            "expected_score": pa.array(probabilities @ scores),
            "confidence": pa.array(probabilities[np.arange(rows), said]),
            "probabilities": pa.MapArray.from_arrays(offsets, classes, items),
            **dict.fromkeys(VALUES, none),
        }

    def actual(self, label: Label, truth: np.ndarray) -> pa.Array:
        return pa.array(label.classes).take(pa.array(truth.astype(np.int64)))


class ValueAnswer:
    """A value, and the two ends of its interval. It is its own expected score."""

    names = ("interval", "value")

    def outputs(self, told: Description) -> dict[str, Output]:
        return {"interval": ("tensor(float)", [3]), "value": ("tensor(float)", [])}

    def unsound(self, told: Description) -> str:
        return f"classes ({', '.join(told.classes)}) for a value" if told.classes else ""

    def nothing(self, rows: int, told: Description) -> tuple[np.ndarray, np.ndarray]:
        return np.full((rows, 3), np.nan), np.full(rows, np.nan)

    def columns(self, label: Label, given: np.ndarray, said: np.ndarray) -> dict[str, pa.Array]:
        numbers, rows = given.astype(np.float64), len(said)
        none, text = pa.nulls(rows, pa.float64()), pa.nulls(rows, pa.string())
        maps = pa.nulls(rows, pa.map_(pa.string(), pa.float64()))
        return {
            "action": text,
            "score": none,
            "expected_score": pa.array(numbers[:, 0]),
            "confidence": none,
            "probabilities": maps,
            **{name: pa.array(numbers[:, place]) for place, name in enumerate(VALUES)},
        }

    def actual(self, label: Label, truth: np.ndarray) -> pa.Array:
        return pa.nulls(len(truth), pa.string())


VALUES = ("value", "value_low", "value_high")
ANSWERS: Mapping[str, Answer] = {"classes": ClassAnswer(), "value": ValueAnswer()}


def answer_of(kind: str) -> Answer:
    if kind not in ANSWERS:
        raise unknown("kind of target", kind, ANSWERS)
    return ANSWERS[kind]
