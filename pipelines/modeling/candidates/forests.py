"""Forests of independent trees.

Leaves are few and hold many rows: hourly returns are mostly noise, a deep tree learns it by
heart, and the ONNX form grows with the leaves (300 trees with leaves of 20 rows are 31 MB).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.modeling.candidates.scikit_learn import PipelineCandidate

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class Forest(PipelineCandidate):
    """The parameters that both kinds of forest have."""

    trees: int = 150
    leaves: int = 128  # of a tree, at the most
    leaf_rows: int = 150  # in a leaf, at the least
    features: float = 0.35  # share of the features that a cut may choose from
    scaled: bool = False
    most_rows: int | None = None

    def _arguments(self, seed: int) -> dict[str, Any]:
        return {
            "n_estimators": self.trees,
            "max_leaf_nodes": self.leaves,
            "min_samples_leaf": self.leaf_rows,
            "max_features": self.features,
            "random_state": seed,
            "n_jobs": 2,  # each tree has its own random numbers: more workers change nothing
        }


@dataclass(frozen=True)
class RandomForest(Forest):
    """Trees that cut where it helps most, each on its own draw of rows."""

    rows: float = 0.5  # share of the rows that a tree draws
    name: str = "random_forest"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(max_samples=self.rows, **self._arguments(seed))


@dataclass(frozen=True)
class ExtraTrees(Forest):
    """Trees that cut at random places, on all rows."""

    features: float = 0.5
    name: str = "extra_trees"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.ensemble import ExtraTreesClassifier

        return ExtraTreesClassifier(**self._arguments(seed))
