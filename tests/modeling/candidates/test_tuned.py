"""Tuning tries on newer rows than it fits on, and finds better parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.modeling.candidates import Training, XGBoostClasses, XGBoostValues
from pipelines.modeling.candidates.base import fit_regressor
from pipelines.modeling.candidates.tuned import (
    LEAST_ROWS,
    best_parameters,
    log_loss_share,
    squared_error_share,
    time_folds,
)
from pipelines.modeling.value_metrics import r2
from tests.laws import law
from tests.modeling.daily_rows import daily_rows

ROWS = daily_rows()


def test_tuned_parameters_predict_better_than_poorly_declared_ones() -> None:
    """Slow and shallow trees cannot learn an effect of two features together."""
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (1200, 4)).astype(np.float32)
    outcome = np.sign(features[:, 0] * features[:, 1]) + 0.3 * random.normal(0, 1, 1200)
    declared = XGBoostValues(depth=1, rounds=10, rate=0.01)
    untuned = fit_regressor(replace(declared, trials=0), features[:800], outcome[:800], 0)
    tuned = fit_regressor(declared, features[:800], outcome[:800], 0)
    assert untuned.tuned_parameters == {}
    assert tuned.tuned_parameters["depth"] > 1
    r2_untuned, r2_tuned = (
        r2(outcome[800:], fitted.values(features[800:])) for fitted in (untuned, tuned)
    )
    assert r2_tuned > r2_untuned + 0.3


def test_too_few_rows_are_not_tuned_on() -> None:
    few = LEAST_ROWS * 4 - 1
    assert (
        fit_regressor(XGBoostValues(), ROWS.features[:few], ROWS.outcome[:few], 0).tuned_parameters
        == {}
    )


@law(200)
@given(st.integers(1, 5000), st.integers(1, 6), st.integers(0, 400))
def test_no_fold_is_tried_on_rows_that_it_was_fitted_on(rows: int, folds: int, gap: int) -> None:
    cuts = time_folds(rows, folds, gap)
    assert len(cuts) in (0, folds)
    for older, newer in cuts:
        assert len(older)
        assert older[-1] + gap < newer[0]
        assert newer[-1] < rows
    if cuts:
        assert [cut[1][0] for cut in cuts[1:]] == [cut[1][-1] + 1 for cut in cuts[:-1]]
        assert cuts[-1][1][-1] == rows - 1


def training_of(truth: np.ndarray, classes: int) -> Training:
    return Training(ROWS.features[: len(truth)], truth, classes, 0)


def test_a_loss_is_a_share_of_what_knowing_nothing_loses() -> None:
    classes = training_of(np.array([0, 1, 1, 1, 2]), 3)
    nothing = np.full((5, 3), 1 / 3)
    assert log_loss_share(nothing, classes, classes) == pytest.approx(1)
    assert log_loss_share(np.eye(3)[classes.truth], classes, classes) == 0
    values = training_of(ROWS.outcome[:300], 0)
    older = training_of(np.full(300, 0.5), 0)
    assert squared_error_share(np.full(300, 0.5), values, older) == 1
    assert squared_error_share(values.truth, values, older) == 0


def test_the_log_loss_counts_all_classes_alike() -> None:
    """To be sure of the frequent class alone is worse than to know nothing."""
    rows = training_of(np.array([0] * 90 + [1] * 10), 2)
    sure = np.tile([0.99, 0.01], (100, 1))
    expected = (-np.log(0.99) - np.log(0.01)) / 2 / np.log(2)
    assert log_loss_share(sure, rows, rows) == pytest.approx(expected)
    assert np.isfinite(log_loss_share(np.tile([1.0, 0.0], (100, 1)), rows, rows))


def test_nothing_is_tried_on_a_fold_whose_older_rows_lack_a_class() -> None:
    """Where all folds lack one, the declared parameters are those of the fit."""
    late = np.where(np.arange(len(ROWS)) < 1200, 0, np.arange(len(ROWS)) % 2)
    assert best_parameters(XGBoostClasses(trials=2), training_of(late, 2)) == {}
    assert XGBoostClasses(trials=2).fit(training_of(late, 2)).tuned_parameters == {}


def test_no_later_row_changes_what_a_fold_is_fitted_on() -> None:
    """The weights of classes too are those of the older rows alone."""
    training = training_of(np.arange(len(ROWS)) % 3 // 2, 2)
    older = training.take(np.arange(301))
    later = np.concatenate([training.truth[:301], np.ones(len(ROWS) - 301, np.int64)])
    np.testing.assert_array_equal(older.weights, training_of(later, 2).take(np.arange(301)).weights)
    assert older.weights.sum() == pytest.approx(301)
