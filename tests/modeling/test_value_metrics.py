"""Metrics of predicted values are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from pipelines.modeling.value_metrics import (
    hit_rate,
    interval_score,
    measure,
    r2,
)


def test_figures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.normal(0, 1, 300), random.normal(0, 1, 300)
    outputs = np.stack([predicted, predicted - 1, predicted + 1], axis=1)
    metrics = measure(truth, predicted, outputs)
    assert metrics.rows == 300
    assert metrics.rmse == pytest.approx(root_mean_squared_error(truth, predicted))
    assert metrics.mae == pytest.approx(mean_absolute_error(truth, predicted))
    assert metrics.r2 == metrics.fit == pytest.approx(r2_score(truth, predicted))
    assert metrics.order == (metrics.rmse, metrics.mae)
    assert metrics.coverage == np.mean(np.abs(truth - predicted) <= 1)
    assert set(metrics.figures) == {"rmse", "mae", "r2", "hit_rate", "coverage", "rank_ic"}


def test_an_unmoved_row_has_no_direction_and_a_prediction_of_zero_misses() -> None:
    assert hit_rate(np.array([1.0, -1, 0, 2]), np.array([3.0, 1, 1, 0])) == pytest.approx(1 / 3)
    assert np.isnan(hit_rate(np.zeros(3), np.ones(3)))
    assert np.isnan(r2(np.ones(3), np.ones(3)))


def test_the_best_interval_is_that_of_the_quantiles() -> None:
    truth = np.random.default_rng(0).normal(0, 1, 20_000)

    def score(reach: float) -> float:
        ends = np.broadcast_to([0.0, -reach, reach], (len(truth), 3))
        return interval_score(truth, ends, 0.8)

    assert score(1.2816) < min(score(1.15), score(1.4))
