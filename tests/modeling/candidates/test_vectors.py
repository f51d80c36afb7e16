"""Support vectors: fitted on a bounded sample, with probabilities from a regression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import SupportVectors, fit_classifier
from tests.modeling.candidates.every import estimator_of
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
CLASSES = np.digitize(ROWS.outcome, [-1.0, -0.3, 0.3, 1.0])


def test_it_is_fitted_on_as_many_rows_of_every_class() -> None:
    candidate = replace(SupportVectors(), most_rows=250)
    fitted = fit_classifier(candidate, ROWS.features, CLASSES, 5, 0)
    assert fitted.rows == 250
    model = estimator_of(fitted)
    (borders,) = model.estimators_
    assert borders.n_support_.max() <= 50, "a fifth of the rows of each class"


def test_probabilities_come_from_the_distances_to_the_borders_between_all_pairs() -> None:
    candidate = replace(SupportVectors(), most_rows=250)
    fitted = fit_classifier(candidate, ROWS.features, CLASSES, 5, 0)
    model = estimator_of(fitted)
    assert model.final_estimator_.coef_.shape == (5, 10), "ten pairs of five classes"
    probabilities = fitted.balanced_probabilities(ROWS.features)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    up = probabilities[:, 3:].sum(axis=1) - probabilities[:, :2].sum(axis=1)
    assert np.corrcoef(up, ROWS.features[:, 0])[0, 1] > 0.5


def test_two_classes_are_refused_as_their_border_has_no_onnx_form() -> None:
    with pytest.raises(InvalidRequest, match="two classes have a single border"):
        fit_classifier(SupportVectors(), ROWS.features, ROWS.symbol % 2, 2, 0)
