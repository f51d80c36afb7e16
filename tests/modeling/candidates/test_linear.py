"""Logistic regression: a stronger penalty shrinks it, and a fit must converge."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from pipelines.modeling.candidates import Logistic, fit_classifier
from tests.modeling.candidates.every import estimator_of
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
CLASSES = np.digitize(ROWS.outcome, [0.0])


def weights_of(candidate: Logistic) -> np.ndarray:
    fitted = fit_classifier(candidate, ROWS.features, CLASSES, 2, 0)
    weights: np.ndarray = estimator_of(fitted).coef_[0]
    return weights


def test_a_stronger_penalty_shrinks_the_weights() -> None:
    sizes = [np.abs(weights_of(Logistic(l2=l2))).sum() for l2 in (1.0, 100.0, 10_000.0)]
    assert sizes == sorted(sizes, reverse=True)


def test_the_planted_feature_has_by_far_the_largest_weight() -> None:
    weights = weights_of(Logistic())
    assert weights.argmax() == 0
    assert weights[0] > 5 * np.abs(weights[1:]).max()


def test_a_fit_that_does_not_converge_is_an_error() -> None:
    with pytest.raises(ConvergenceWarning):
        fit_classifier(Logistic(passes=1), ROWS.features, ROWS.symbol, 4, 0)
