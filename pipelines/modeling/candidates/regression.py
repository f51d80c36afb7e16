"""Regressors: candidates for targets that are values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.modeling.candidates.tuned import best_parameters

if TYPE_CHECKING:
    from optuna import Trial
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class Mean:
    """The mean of the training rows, whatever the features: the others have to beat it."""

    scaled: bool = False
    most_rows: int | None = None
    name: str = "mean"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.tree import DecisionTreeRegressor

        # A tree that may not cut, as a regressor that is a mean by name has no ONNX form.
        return DecisionTreeRegressor(min_samples_split=2**31 - 1)


@dataclass(frozen=True)
class Ridge:
    """Linear in the features, with the strong L2 penalty that signals as weak as returns' need."""

    l2: float = 1000.0  # in rows
    scaled: bool = True
    most_rows: int | None = None
    name: str = "ridge"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.linear_model import Ridge as RidgeRegression

        return RidgeRegression(alpha=self.l2)


@dataclass(frozen=True)
class BoostedValues:
    """Trees grown one after the other; how many, how deep and how fast is tuned.

    The declared parameters are the first that are tried. Without trials they are those of the fit.
    """

    rounds: int = 60
    rate: float = 0.05
    depth: int = 2
    leaf_rows: int = 50
    rows: float = 0.7  # share of the rows that a tree draws
    features: float = 0.5  # share of the features that a tree draws
    trials: int = 30
    folds: int = 3
    # Rows between those that a trial is fitted on and those it is tried on: at least the bars
    # until an outcome is known, times the symbols.
    gap: int = 5
    scaled: bool = False
    most_rows: int | None = None
    name: str = "xgboost"

    def estimator(self, seed: int) -> BaseEstimator:
        from xgboost import XGBRegressor

        return XGBRegressor(
            n_estimators=self.rounds,
            learning_rate=self.rate,
            max_depth=self.depth,
            min_child_weight=self.leaf_rows,
            subsample=self.rows,
            colsample_bytree=self.features,
            max_bin=64,
            tree_method="hist",
            random_state=seed,
            n_jobs=1,
        )

    def tune(self, features: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, Any]:
        def suggest(trial: Trial) -> dict[str, Any]:
            return {
                "rounds": trial.suggest_int("rounds", 10, 200, log=True),
                "rate": trial.suggest_float("rate", 0.01, 0.2, log=True),
                "depth": trial.suggest_int("depth", 1, 5),
                "leaf_rows": trial.suggest_int("leaf_rows", 5, 200, log=True),
            }

        return best_parameters(self, suggest, features, truth, seed)
