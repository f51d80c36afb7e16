"""Forests: their trees keep within the declared sizes, and workers change no digit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.modeling.candidates import ExtraTrees, RandomForest, fit_classifier
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
CLASSES = np.digitize(ROWS.outcome, [-0.5, 0.5])
FORESTS = pytest.mark.parametrize(
    "forest",
    [RandomForest(trees=8, leaves=6, leaf_rows=40), ExtraTrees(trees=8, leaves=6, leaf_rows=40)],
    ids=lambda forest: forest.name,
)


@FORESTS
def test_no_tree_has_more_leaves_or_smaller_leaves_than_declared(
    forest: RandomForest | ExtraTrees,
) -> None:
    model = fit_classifier(forest, ROWS.features, CLASSES, 3, 0).predictor.pipeline.named_steps[
        "model"
    ]
    assert len(model.estimators_) == 8
    assert max(estimator.get_n_leaves() for estimator in model.estimators_) > 3
    for estimator in model.estimators_:
        tree = estimator.tree_
        is_leaf = tree.children_left == -1
        assert is_leaf.sum() <= 6
        assert tree.n_node_samples[is_leaf].min() >= 40


@FORESTS
def test_the_number_of_workers_changes_nothing(
    forest: RandomForest | ExtraTrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    parallel = fit_classifier(forest, ROWS.features, CLASSES, 3, 0)
    arguments = forest._arguments(0) | {"n_jobs": 1}
    monkeypatch.setattr(type(forest), "_arguments", lambda *_: arguments)
    serial = fit_classifier(forest, ROWS.features, CLASSES, 3, 0)
    np.testing.assert_array_equal(
        parallel.balanced_probabilities(ROWS.features),
        serial.balanced_probabilities(ROWS.features),
    )


def test_a_tree_of_the_random_forest_draws_the_declared_share_of_the_rows() -> None:
    forest = RandomForest(trees=3, rows=0.25, leaf_rows=10)
    model = fit_classifier(forest, ROWS.features, CLASSES, 3, 0).predictor.pipeline.named_steps[
        "model"
    ]
    assert {len(rows) for rows in model.estimators_samples_} == {len(ROWS) // 4}
    whole = replace(forest, rows=1.0)
    model = fit_classifier(whole, ROWS.features, CLASSES, 3, 0).predictor.pipeline.named_steps[
        "model"
    ]
    assert {len(rows) for rows in model.estimators_samples_} == {len(ROWS)}
