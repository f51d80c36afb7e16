"""XGBoost: trees grown one after the other; how many, how deep and how fast is tuned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.modeling.candidates.base import Training
from pipelines.modeling.candidates.tuned import (
    TunedCandidate,
    log_loss_share,
    squared_error_share,
)

if TYPE_CHECKING:
    from optuna import Trial
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class XGBoostTrees(TunedCandidate):
    """The parameters that trees of classes and of values have."""

    rounds: int = 60
    rate: float = 0.05
    depth: int = 2
    leaf_rows: int = 50
    rows: float = 0.7  # share of the rows that a tree draws
    features: float = 0.5  # share of the features that a tree draws
    trials: int = 30
    folds: int = 3
    gap: int = 5
    threads: int = 1  # of the fit; the same number gives the same trees
    scaled: bool = False
    most_rows: int | None = None
    name: str = "xgboost"

    def suggest(self, trial: Trial) -> dict[str, Any]:
        return {
            "rounds": trial.suggest_int("rounds", 10, 200, log=True),
            "rate": trial.suggest_float("rate", 0.01, 0.2, log=True),
            "depth": trial.suggest_int("depth", 1, 5),
            "leaf_rows": trial.suggest_int("leaf_rows", 5, 200, log=True),
        }

    def _arguments(self, seed: int) -> dict[str, Any]:
        return {
            "n_estimators": self.rounds,
            "learning_rate": self.rate,
            "max_depth": self.depth,
            "subsample": self.rows,
            "colsample_bytree": self.features,
            "max_bin": 64,
            "tree_method": "hist",
            "random_state": seed,
            "n_jobs": self.threads,
        }


@dataclass(frozen=True)
class XGBoostValues(XGBoostTrees):
    """Trees that predict a value, tuned by the squared error."""

    def estimator(self, seed: int) -> BaseEstimator:
        from xgboost import XGBRegressor

        return XGBRegressor(min_child_weight=self.leaf_rows, **self._arguments(seed))

    def loss(self, predictions: np.ndarray, newer: Training, older: Training) -> float:
        return squared_error_share(predictions, newer, older)


@dataclass(frozen=True)
class XGBoostClasses(XGBoostTrees):
    """Trees that predict the probabilities of classes, tuned by the log loss."""

    def estimator(self, seed: int) -> BaseEstimator:
        from xgboost import XGBClassifier

        # A leaf is weighed by the curvature of its rows' loss: at most a quarter a row.
        return XGBClassifier(min_child_weight=self.leaf_rows / 4, **self._arguments(seed))

    def loss(self, predictions: np.ndarray, newer: Training, older: Training) -> float:
        return log_loss_share(predictions, newer, older)
