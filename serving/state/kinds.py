"""How what is said of each kind of target is told, whether it stands in gold or was just said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from pipelines.forecasts import Forecast
from pipelines.labels.base import Label
from pipelines.modeling.spread import COVERAGE
from serving.schemas.answers import ClassPrediction, ValuePrediction
from serving.schemas.errors import Refused

Row = dict[str, Any]


class Told(Protocol):
    """How one kind of target is told. A row has the columns of gold.predictions."""

    def told(self, label: Label, row: Row, least: float | None = None) -> Row:
        """The fields of a prediction; `least` is the confidence that is asked for."""
        ...

    def columns(self, label: Label) -> tuple[str, ...]:
        """Of a file of predictions."""
        ...

    def cells(self, label: Label, told: Row) -> list[Any]:
        """What `told` has in these columns."""
        ...


class ClassTold:
    """A class, and the probability of each."""

    names = ("action", "score", "confidence", "expected_score", "said")

    def told(self, label: Label, row: Row, least: float | None = None) -> Row:
        names = ("action", "score", "expected_score", "confidence", "probabilities")
        made = {"kind": label.kind, **{name: row[name] for name in names}, "said": None}
        made["risk"] = risk(label, row["action"], row["probabilities"])
        if least is not None:
            hold_if_weak(made, label, least)
        return made

    def columns(self, label: Label) -> tuple[str, ...]:
        return (*self.names, *(f"p_{name}" for name in label.classes))

    def cells(self, label: Label, told: Row) -> list[Any]:
        shares = told["probabilities"]
        return [*(told[name] for name in self.names), *(shares[name] for name in label.classes)]


class ValueTold:
    """A value, and the ends of its interval. A policy on confidence leaves it alone."""

    names = ("value", "value_low", "value_high")

    def told(self, label: Label, row: Row, least: float | None = None) -> Row:
        return {
            "kind": label.kind,
            **{name: row[name] for name in (*self.names, "expected_score")},
            "unit": label.unit,
            "value_coverage": COVERAGE,
            "value_words": f"{COVERAGE * 100:.0f} of 100 outcomes are to lie from value_low to "
            "value_high",
        }

    def columns(self, label: Label) -> tuple[str, ...]:
        return self.names

    def cells(self, label: Label, told: Row) -> list[Any]:
        return [told[name] for name in self.names]


KINDS: Mapping[str, Told] = {"classes": ClassTold(), "value": ValueTold()}
NOTHING: Row = dict.fromkeys([*ClassPrediction.model_fields, *ValuePrediction.model_fields])
"""The fields of all kinds: where the main target stands at the top, some are null."""


def neutral(label: Label) -> str | None:
    """The class between two opposite sides; None where there are no two sides."""
    if not label.scores or not min(label.scores) < 0 < max(label.scores):
        return None
    least = min(range(len(label.scores)), key=lambda place: abs(label.scores[place]))
    return label.classes[least]


def hold_if_weak(row: Row, label: Label, least: float) -> None:
    """Have an action that is less probable than asked for count as hold, and tell which it was."""
    hold = neutral(label)
    weak = row["confidence"] is None or row["confidence"] < least
    if hold is not None and weak and row["action"] not in (None, hold):
        row |= {"said": row["action"], "action": hold, "score": 0.0}


def policy(forecast: Forecast, least: float | None) -> None:
    """Refuse a confidence policy where no target has an action that it could make hold."""
    if least is not None and not any(neutral(target.label) for target in forecast.targets):
        raise Refused(
            f"{forecast.name} says nothing that min_confidence could make hold",
            "leave it away: each answer tells its own confidence, or its interval",
            "min_confidence",
        ).at("query")


def risk(label: Label, action: str | None, probabilities: Mapping[str, float] | None) -> Row | None:
    """Hints from the probabilities: what speaks against the action, the tails, the doubt."""
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


def whose(forecast: Forecast, target: str) -> str:
    """Which target is meant, in words; nothing where there is but one."""
    return f" of {target}" if len(forecast.targets) > 1 else ""
