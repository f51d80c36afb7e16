"""The network: its layers, and a fit that stops by itself or is an error."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from pipelines.modeling.candidates import Network, fit_classifier
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
CLASSES = np.digitize(ROWS.outcome, [0.0])


def test_it_has_the_declared_layers_and_stops_before_the_last_pass() -> None:
    candidate = Network(layers=(5, 3), rate=0.02)
    model = fit_classifier(candidate, ROWS.features, CLASSES, 2, 0).predictor.pipeline.named_steps[
        "model"
    ]
    columns = ROWS.features.shape[1] - 1 + len(np.unique(ROWS.symbol))
    assert [len(weights) for weights in model.coefs_] == [columns, 5, 3]
    assert model.n_iter_ < candidate.passes
    scores = model.validation_scores_
    assert len(scores) - 1 - int(np.argmax(scores)) >= candidate.patience


def test_a_fit_that_does_not_converge_is_an_error() -> None:
    with pytest.raises(ConvergenceWarning):
        fit_classifier(Network(passes=1), ROWS.features, ROWS.symbol, 4, 0)
