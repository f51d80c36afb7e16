"""An exact support vector machine, on a stated subset of the training rows.

Its approximations have no ONNX form, and the exact one needs time with the square of its rows:
so it is fitted on `most_rows` rows, as many of each class, spread evenly over time.

Its own probabilities come from an iteration that stops at a tolerance. In single precision it
stops at another point, and ONNX would differ in the third decimal. So a logistic regression makes
them from the distances to the ten borders between pairs of classes. It learns on rows that the
borders were not fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates.base import Training
from pipelines.modeling.candidates.scikit_learn import FittedPipeline, PipelineCandidate

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class SupportVectors(PipelineCandidate):
    """Support vector machines between each two classes, with a radial kernel."""

    penalty: float = 1.0  # of rows on the wrong side of a border: C
    gamma: float = 0.01
    l2: float = 10.0  # of the regression, 1 / C
    folds: int = 3
    scaled: bool = True
    most_rows: int | None = 5000
    name: str = "svc"

    def fit(self, training: Training) -> FittedPipeline:
        if training.classes == 2:
            raise InvalidRequest(
                "two classes have a single border, whose distances have no ONNX form",
                "compare other candidates",
            )
        return super().fit(training)

    def estimator(self, seed: int) -> BaseEstimator:
        from sklearn.ensemble import StackingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.svm import SVC

        borders = SVC(
            C=self.penalty,
            gamma=self.gamma,
            decision_function_shape="ovo",
            cache_size=300,
            random_state=seed,
        )
        return StackingClassifier(
            [("borders", borders)],
            LogisticRegression(C=1 / self.l2, max_iter=500),
            cv=self.folds,
            stack_method="decision_function",
        )
