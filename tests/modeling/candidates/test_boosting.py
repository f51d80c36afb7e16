"""Boosted trees: as many and as large as declared, and fitted on all rows."""

from __future__ import annotations

import numpy as np

from pipelines.modeling.candidates import GradientBoosting, HistogramBoosting, fit_classifier
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
CLASSES = np.digitize(ROWS.outcome, [-0.5, 0.5])


def test_gradient_boosting_has_the_declared_rounds_and_depth() -> None:
    candidate = GradientBoosting(rounds=4, depth=2)
    model = fit_classifier(candidate, ROWS.features, CLASSES, 3, 0).predictor.pipeline.named_steps[
        "model"
    ]
    assert model.estimators_.shape == (4, 3), "a tree for each round and class"
    assert {tree.get_depth() for tree in model.estimators_.ravel()} == {2}


def test_histogram_boosting_stops_at_no_score_of_its_own() -> None:
    """Early stopping would set rows aside at random, from the middle of time."""
    candidate = HistogramBoosting(rounds=5, leaves=3)
    model = fit_classifier(candidate, ROWS.features, CLASSES, 3, 0).predictor.pipeline.named_steps[
        "model"
    ]
    assert model.n_iter_ == 5
    assert not model.do_early_stopping_
    leaves = {tree.get_n_leaf_nodes() for trees in model._predictors for tree in trees}
    assert max(leaves) == 3


def test_more_rounds_fit_the_training_rows_better() -> None:
    for kind in (GradientBoosting, HistogramBoosting):
        hits = [
            np.mean(
                fit_classifier(kind(rounds=rounds), ROWS.features, CLASSES, 3, 0)
                .balanced_probabilities(ROWS.features)
                .argmax(axis=1)
                == CLASSES
            )
            for rounds in (1, 12)
        ]
        assert hits[1] > hits[0], kind
