"""Logistic regression: the simple model that the others have to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.modeling.candidates.scikit_learn import PipelineCandidate

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class Logistic(PipelineCandidate):
    """Log-odds that are linear in the features."""

    l2: float = 10.0  # 1 / C
    passes: int = 500  # a fit that needs more has not converged
    scaled: bool = True
    most_rows: int | None = None
    name: str = "logistic_regression"

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=1 / self.l2, max_iter=self.passes, random_state=seed)
