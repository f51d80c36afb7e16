"""What moved a prediction: how far each feature moved what a model gives for a row.

All of it follows from the model's file. A model that is one ensemble of trees is explained by
exact SHAP values (`tree_shap`): with the base they add up to what its trees give, before any
calibration. Any other is explained by `occlusion`: how much the published number changes if a
feature is replaced by its median among training rows. Where features work together these do not
add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.description import Description
from pipelines.modeling.scorer import OnnxScorer
from pipelines.modeling.tree_ensembles import Trees, read_trees
from pipelines.modeling.tree_shap import Paths, find_paths, shap_values

TREE_SHAP, OCCLUSION = "tree_shap", "occlusion"


@dataclass(frozen=True, eq=False)
class Contributions:
    """The contribution of each feature to what is explained of each row."""

    method: str
    explained: str  # what the contributions are to, in words
    names: tuple[str, ...]  # of the columns; the last is the symbol's code
    base: float  # what is explained of no row in particular
    values: np.ndarray  # a row a row, a column a name
    outputs: np.ndarray  # what is explained, of each row

    def largest(self, row: int, count: int = 5) -> list[tuple[str, float]]:
        """The features that moved a row most, either way, with their contributions."""
        order = np.argsort(-np.abs(self.values[row]), kind="stable")[:count]
        return [(self.names[place], float(self.values[row, place])) for place in order]


def explain(scorer: OnnxScorer, features: np.ndarray) -> Contributions:
    """Explain what a model gives for some rows, by the best method that its file allows.

    To explain rows of one model again and again, keep an Explainer.
    """
    return Explainer(scorer).explain(features)


class Explainer:
    """Explain rows of one model."""

    def __init__(self, scorer: OnnxScorer) -> None:
        self._scorer = scorer

    @property
    def method(self) -> str:
        return OCCLUSION if self._trees is None else TREE_SHAP

    def explain(self, features: np.ndarray) -> Contributions:
        description = self._scorer.description
        outputs, _ = self._scorer.score(features)  # which refuses rows that are not whole
        if self._paths is None:
            return _occlude(self._scorer, features, _published(outputs, description))
        paths, offset = self._paths
        rows = np.ascontiguousarray(features, dtype=np.float32)
        values, base = shap_values(paths, rows), paths.base + offset
        names = (*description.features, "symbol")
        explained = _describe_output(self._trees, description)
        return Contributions(TREE_SHAP, explained, names, base, values, base + values.sum(axis=1))

    @cached_property
    def _trees(self) -> Trees | None:
        """The trees of the file, if it is one ensemble whose covers were written."""
        from onnx import load_from_string, numpy_helper

        proto = load_from_string(self._scorer.content)
        orders = [t for t in proto.graph.initializer if t.name == "class_order"]
        if any((np.diff(numpy_helper.to_array(order)) != 1).any() for order in orders):
            return None
        trees = read_trees(proto)
        return trees if trees is not None and trees.has_covers else None

    @cached_property
    def _paths(self) -> tuple[Paths, float] | None:
        """The paths of the trees to what is explained, and what is added to all of them."""
        if self._trees is None:
            return None
        weights = _output_weights(self._trees, self._scorer.description)
        return find_paths(self._trees, weights), float(self._trees.base @ weights)


def _output_weights(trees: Trees, description: Description) -> np.ndarray:
    """The weight of each output: trees of a value, and of two classes, may have one alone."""
    if trees.outputs.shape[1] == 1:
        return np.ones(1)
    return _scores(description)


def _describe_output(trees: Trees | None, description: Description) -> str:
    assert trees is not None
    unit = "probability" if trees.transform == "NONE" else "log-odds"
    if not description.classes:
        return "the value, before it is clipped"
    if trees.outputs.shape[1] == 1:
        return f"the {unit} of {description.classes[-1]}, before calibration"
    if unit == "probability":
        return "the expected score, before calibration"
    return "the log-odds of the classes by their scores, before calibration"


def _published(outputs: np.ndarray, description: Description) -> np.ndarray:
    """The number that occlusion explains: the expected score, or the value."""
    if not description.classes:
        return outputs[:, 0].astype(np.float64)
    expected: np.ndarray = outputs.astype(np.float64) @ _scores(description)
    return expected


def _scores(description: Description) -> np.ndarray:
    if len(description.scores) != len(description.classes):
        raise InvalidRequest("the model does not say what its classes are worth", "train it again")
    return np.asarray(description.scores, np.float64)


def _occlude(scorer: OnnxScorer, features: np.ndarray, outputs: np.ndarray) -> Contributions:
    """Replace one feature after the other by its median, and the symbol by each that is known."""
    description = scorer.description
    medians = np.asarray(description.medians, np.float32)
    if len(medians) != len(description.features):
        raise InvalidRequest(
            "the model does not say the medians of its training rows", "train it again"
        )

    def mean_over_symbols(rows: np.ndarray) -> np.ndarray:
        trained = [
            code
            for code, symbol in enumerate(description.symbols)
            if symbol not in description.untrained
        ]
        outputs_of_symbols = []
        for code in trained:
            replaced = rows.copy()
            replaced[:, -1] = code
            outputs_of_symbols.append(_published(scorer.score(replaced)[0], description))
        return np.asarray(np.mean(outputs_of_symbols, axis=0))

    values = np.zeros(features.shape)
    for column, median in enumerate(medians):
        replaced = features.copy()
        replaced[:, column] = median
        values[:, column] = outputs - _published(scorer.score(replaced)[0], description)
    values[:, -1] = outputs - mean_over_symbols(features)
    base = mean_over_symbols(np.append(medians, np.float32(0))[None, :])[0]
    explained = "the expected score" if description.classes else "the value"
    names = (*description.features, "symbol")
    return Contributions(OCCLUSION, explained, names, float(base), values, outputs)
