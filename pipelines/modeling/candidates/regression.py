"""Plain regressors, which the others have to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.modeling.candidates.scikit_learn import PipelineCandidate

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class Mean(PipelineCandidate):
    """The mean of the training rows, whatever the features: the others have to beat it."""

    scaled: bool = False
    most_rows: int | None = None
    name: str = "mean"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.tree import DecisionTreeRegressor

        # A tree that may not cut, as a regressor that is a mean by name has no ONNX form.
        return DecisionTreeRegressor(min_samples_split=2**31 - 1)


@dataclass(frozen=True)
class Ridge(PipelineCandidate):
    """Linear in the features, with the strong L2 penalty that signals as weak as returns' need."""

    l2: float = 1000.0  # in rows
    scaled: bool = True
    most_rows: int | None = None
    name: str = "ridge"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.linear_model import Ridge as RidgeRegression

        return RidgeRegression(alpha=self.l2)
