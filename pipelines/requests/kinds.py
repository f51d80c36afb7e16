"""The fields of a prediction by its kind of target: from a row of gold, or computed just now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from pipelines.contracts.columns import EXPLANATION
from pipelines.forecasts import Forecast
from pipelines.labels.base import Label
from pipelines.modeling.spread import COVERAGE

Row = dict[str, Any]
EXPLAINED = tuple(column.name for column in EXPLANATION)


class TargetKind(Protocol):
    """How the predictions of one kind of target are answered."""

    def fields(self, label: Label, row: Row, min_confidence: float | None = None) -> Row:
        """Return the fields of a prediction from a row with the columns of gold.predictions.

        `min_confidence` is the confidence below which an action counts as hold.
        """
        ...

    def columns(self, label: Label) -> tuple[str, ...]:
        """Return the columns of a file of predictions."""
        ...

    def cells(self, label: Label, fields: Row) -> list[Any]:
        """Return the values of these columns from the fields of a prediction."""
        ...


class ClassKind:
    """A class, and the probability of each."""

    names = ("action", "likeliest", "score", "confidence", "expected_score", "said")

    def fields(self, label: Label, row: Row, min_confidence: float | None = None) -> Row:
        names = (
            "action",
            "action_reason",
            "likeliest",
            "score",
            "expected_score",
            "confidence",
            "probabilities",
            *EXPLAINED,
        )
        fields = {"kind": label.kind, **{name: row[name] for name in names}, "said": None}
        fields["risk"] = risk_hints(label, row["action"], row["probabilities"])
        if min_confidence is not None:
            hold_if_weak(fields, label, min_confidence)
        return fields

    def columns(self, label: Label) -> tuple[str, ...]:
        return (*self.names, *(f"p_{name}" for name in label.classes))

    def cells(self, label: Label, fields: Row) -> list[Any]:
        shares = fields["probabilities"]
        return [*(fields[name] for name in self.names), *(shares[name] for name in label.classes)]


class ValueKind:
    """A value, and the ends of its interval. A policy on confidence leaves it alone."""

    names = ("value", "value_low", "value_high")

    def fields(self, label: Label, row: Row, min_confidence: float | None = None) -> Row:
        return {
            "kind": label.kind,
            **{name: row[name] for name in (*self.names, "expected_score", *EXPLAINED)},
            "unit": label.unit,
            "value_coverage": COVERAGE,
            "value_words": f"{COVERAGE * 100:.0f} of 100 outcomes are to lie from value_low to "
            "value_high",
        }

    def columns(self, label: Label) -> tuple[str, ...]:
        return self.names

    def cells(self, label: Label, fields: Row) -> list[Any]:
        return [fields[name] for name in self.names]


KINDS: Mapping[str, TargetKind] = {"classes": ClassKind(), "value": ValueKind()}


def neutral(label: Label) -> str | None:
    """Return the class between two opposite sides; None where there are no two sides."""
    if not label.scores or not min(label.scores) < 0 < max(label.scores):
        return None
    mildest = min(range(len(label.scores)), key=lambda place: abs(label.scores[place]))
    return label.classes[mildest]


def hold_if_weak(row: Row, label: Label, min_confidence: float) -> None:
    """Make an action that is less probable than asked for a hold, and keep it as `said`."""
    hold = neutral(label)
    weak = row["confidence"] is None or row["confidence"] < min_confidence
    if hold is not None and weak and row["action"] not in (None, hold):
        row |= {"said": row["action"], "action": hold, "score": 0.0}


def risk_hints(
    label: Label, action: str | None, probabilities: Mapping[str, float] | None
) -> Row | None:
    """Return hints: the probability of opposite and outermost actions, and the uncertainty."""
    if action is None or not probabilities or neutral(label) is None:
        return None
    worth = dict(zip(label.classes, label.scores, strict=True))
    entropy = -math.fsum(p * math.log(p) for p in probabilities.values() if p > 0)
    ends = (label.classes[0], label.classes[-1])
    return {
        "against": math.fsum(p for c, p in probabilities.items() if worth[c] * worth[action] < 0),
        "tails": math.fsum(probabilities.get(end, 0.0) for end in ends),
        "uncertainty": min(1.0, max(0.0, entropy / math.log(len(worth)))),
    }


def target_suffix(forecast: Forecast, target: str) -> str:
    """Return the words that name a target; empty where the forecast has only one."""
    return f" of {target}" if len(forecast.targets) > 1 else ""
