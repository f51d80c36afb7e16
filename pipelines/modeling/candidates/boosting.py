"""Boosted trees: each is fitted to the error of those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.modeling.candidates.bin_edges import sort_columns_once
from pipelines.modeling.candidates.scikit_learn import PipelineCandidate

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class GradientBoosting(PipelineCandidate):
    """Exact cuts; each tree draws some of the rows, and each cut some of the features."""

    rounds: int = 80
    rate: float = 0.1
    depth: int = 3
    leaf_rows: int = 100
    rows: float = 0.3
    features: float = 0.35
    scaled: bool = False
    most_rows: int | None = None
    name: str = "gradient_boosting"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.ensemble import GradientBoostingClassifier

        return GradientBoostingClassifier(
            n_estimators=self.rounds,
            learning_rate=self.rate,
            max_depth=self.depth,
            min_samples_leaf=self.leaf_rows,
            subsample=self.rows,
            max_features=self.features,
            random_state=seed,
        )


@dataclass(frozen=True)
class HistogramBoosting(PipelineCandidate):
    """Cuts between at most 255 bins of a feature, on all rows."""

    rounds: int = 60
    rate: float = 0.1
    leaves: int = 8
    leaf_rows: int = 200
    l2: float = 10.0
    scaled: bool = False
    most_rows: int | None = None
    name: str = "histogram_gradient_boosting"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.ensemble import HistGradientBoostingClassifier

        sort_columns_once()
        return HistGradientBoostingClassifier(
            max_iter=self.rounds,
            learning_rate=self.rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.leaf_rows,
            l2_regularization=self.l2,
            early_stopping=False,
            random_state=seed,
        )
