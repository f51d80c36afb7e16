"""What an ONNX file says about its model, kept as JSON in the file's metadata.

No training library is needed here, nor ONNX Runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from pipelines.core.errors import BullionError, InvalidRequest

PREFIX = "bullion."  # of our keys in the metadata
ADDED_LATER = (
    "kind",
    "rule",
    "score_thresholds",
    "scores",
    "medians",
)  # older files do not have these


class UnreadableModel(BullionError):
    """The bytes are no model of Bullion, or not the model that was asked for."""


@dataclass(frozen=True)
class Description:
    """What the numbers that a model takes and returns mean."""

    classes: tuple[str, ...]
    features: tuple[str, ...]  # a column each; the symbol's code comes after them
    symbols: tuple[str, ...]  # by code
    thresholds: tuple[float, ...]  # between the classes' outcomes
    shares: tuple[float, ...]  # of the classes among training rows
    untrained: tuple[str, ...] = ()  # symbols without a training row: they are not scored
    kind: str = "classes"  # of answers.py
    rule: str = "above_share"  # of action_rules.py; that of files which do not name one
    score_thresholds: tuple[float, ...] = ()  # that the rule learned
    scores: tuple[float, ...] = ()  # of the classes
    medians: tuple[float, ...] = ()  # of the features among training rows
    more: Mapping[str, str] = field(default_factory=dict)  # such as the forecast's name

    @property
    def columns(self) -> int:
        """How many columns the model takes."""
        return len(self.features) + 1

    def select_columns(self, features: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Select what the model takes of features with these names, whose last column is the code.

        A model may read a part of its forecast's features.
        """
        if tuple(names) == self.features:
            return features
        place_of = {name: place for place, name in enumerate(names)}
        missing = [name for name in self.features if name not in place_of]
        if missing:
            raise InvalidRequest(
                f"there is no column of {', '.join(missing)}, which the model reads",
                "train it again",
            )
        places = [*(place_of[name] for name in self.features), features.shape[1] - 1]
        return np.take(features, places, axis=1)

    @property
    def is_explainable(self) -> bool:
        """Whether it says all that an explanation needs; models of an earlier Bullion do not."""
        return len(self.medians) == len(self.features) and len(self.scores) == len(self.classes)

    def metadata(self) -> dict[str, str]:
        """The description as entries of a file's metadata; `read_description` reads them."""
        return {PREFIX + name: json.dumps(value) for name, value in asdict(self).items()}


def read_description(metadata: Mapping[str, str]) -> Description:
    """Read a description from a file's metadata; a file without all of its entries is refused."""
    names = [entry.name for entry in fields(Description)]
    present = [name for name in names if PREFIX + name in metadata]
    missing = [n for n in names if n not in present and n not in ADDED_LATER]
    if missing:
        raise UnreadableModel(
            f"the model does not say its {', '.join(missing)}",
            "it was not made by bullion train: train it again",
        )
    try:
        values = {name: json.loads(metadata[PREFIX + name]) for name in present}
        content: dict[str, Any] = {
            name: str(value) if name in ("kind", "rule") else tuple(value)
            for name, value in values.items()
            if name != "more"
        }
        return Description(**content, more=dict(values["more"]))
    except (TypeError, ValueError) as failure:
        raise UnreadableModel(f"the model's description cannot be read: {failure}") from failure
