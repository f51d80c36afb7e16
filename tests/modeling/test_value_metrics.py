"""Metrics of predicted values are the usual ones."""

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


def test_figures_are_the_usual_ones() -> None:
    random = np.random.default_rng(0)
    truth, said = random.normal(0, 1, 300), random.normal(0, 1, 300)
    given_ = np.stack([said, said - 1, said + 1], axis=1)
    found = measure(truth, said, given_)
    assert found.rows == 300
    assert found.rmse == pytest.approx(root_mean_squared_error(truth, said))
    assert found.mae == pytest.approx(mean_absolute_error(truth, said))
    assert found.r2 == found.fit == pytest.approx(r2_score(truth, said))
    assert found.order == (found.rmse, found.mae)
    assert found.coverage == np.mean(np.abs(truth - said) <= 1)
    assert set(found.figures) == {"rmse", "mae", "r2", "hit_rate", "coverage", "rank_ic"}


def test_a_row_that_stayed_has_no_direction_and_to_say_none_is_to_miss() -> None:
    assert hit_rate(np.array([1.0, -1, 0, 2]), np.array([3.0, 1, 1, 0])) == pytest.approx(1 / 3)
    assert np.isnan(hit_rate(np.zeros(3), np.ones(3)))
    assert np.isnan(r2(np.ones(3), np.ones(3)))


def test_the_best_interval_is_that_of_the_quantiles() -> None:
    truth = np.random.default_rng(0).normal(0, 1, 20_000)

    def score(reach: float) -> float:
        ends = np.broadcast_to([0.0, -reach, reach], (len(truth), 3))
        return interval_score(truth, ends, 0.8)

    assert score(1.2816) < min(score(1.15), score(1.4))
