"""Intervals hold as much of what happens as they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.labels import NextReturn
from pipelines.modeling.action_rules import BY_EXPECTED_SCORE
from pipelines.modeling.candidates import Ridge
from pipelines.modeling.candidates.base import FittedValue, fit_regressor
from pipelines.modeling.dataset import Rows
from pipelines.modeling.kinds import Publishing
from pipelines.modeling.kinds.value import Value
from pipelines.modeling.spread import COVERAGE, LEAST_ROWS, spread_of_residuals, uncalibrated_spread
from pipelines.modeling.value_metrics import (
    coverage,
    is_inside,
)
from tests.laws import law
from tests.modeling.daily_rows import daily_rows

LABEL = NextReturn()
PUBLISHING = Publishing(LABEL, (), BY_EXPECTED_SCORE)  # a value has no classes to choose from


def rows_between(rows: Rows, first: int, last: int) -> Rows:
    return rows.take(np.arange(first, last))


def calibrate_ridge(rows: Rows, training: int, selection: int) -> tuple[FittedValue, object, str]:
    older, newer = (
        rows_between(rows, 0, training),
        rows_between(rows, training, training + selection),
    )
    fitted = fit_regressor(Ridge(), older.features, older.outcome, 0)
    calibrated = Value().calibrate(fitted, PUBLISHING, newer, newer.outcome)
    return fitted, calibrated.model, calibrated.reason


@law(100)
@given(st.integers(1, 300), st.integers(0, 1000))
def test_an_interval_contains_the_value_and_leaves_out_no_more_than_allowed(
    count: int, seed: int
) -> None:
    residuals = np.random.default_rng(seed).normal(0, 1, count)
    spread = spread_of_residuals(residuals, None, np.empty(0))
    assert spread.low <= 0 <= spread.high
    ends = spread.around(np.zeros(count), np.empty(0))
    outside = (~is_inside(residuals, ends)).sum()
    assert outside <= (count + 1) * (1 - COVERAGE)


def test_new_rows_are_inside_as_often_as_promised_even_with_few_residuals() -> None:
    """One row more than there are is counted: plain quantiles of 19 rows hold only 76 %."""
    random, is_inside_interval = np.random.default_rng(0), []
    for _ in range(4000):
        spread = spread_of_residuals(random.normal(0, 1, 19), None, np.empty(0))
        is_inside_interval.append(spread.low <= random.normal() <= spread.high)
    assert np.mean(is_inside_interval) == pytest.approx(COVERAGE, abs=0.02)


@pytest.mark.parametrize("wild", [0.0, 0.8])
def test_coverage_of_new_rows_is_near_the_promise(wild: float) -> None:
    rows = daily_rows(6000, wild=wild)
    _, model, reason = calibrate_ridge(rows, 2000, 1000)
    fresh = rows_between(rows, 3000, 6000)
    outputs, predictions = model.score(fresh.features)
    assert coverage(fresh.outcome, outputs) == pytest.approx(COVERAGE, abs=0.04)
    np.testing.assert_array_equal(outputs[:, 0], predictions)
    if wild:
        assert reason.endswith(": kept")


def test_calm_and_wild_rows_have_equal_coverage_where_features_predict_the_width() -> None:
    rows = daily_rows(6000, wild=0.8)
    fitted, model, _ = calibrate_ridge(rows, 2000, 1000)
    fresh = rows_between(rows, 3000, 6000)
    even_spread = spread_of_residuals(fitted.residuals, None, np.empty(0))
    for wild in (fresh.features[:, 1] > 0.5, fresh.features[:, 1] < -0.5):
        rows_of_kind = fresh.take(wild)
        assert coverage(
            rows_of_kind.outcome, model.score(rows_of_kind.features)[0]
        ) == pytest.approx(0.8, abs=0.06)
        even_outputs = even_spread.around(
            fitted.values(rows_of_kind.features), rows_of_kind.features
        )
        assert abs(coverage(rows_of_kind.outcome, even_outputs) - 0.8) > 0.1


def test_a_width_that_does_not_help_is_not_kept() -> None:
    rows = daily_rows(3000, wild=0.8)
    older, newer = rows_between(rows, 0, 2000), rows_between(rows, 2000, 3000)
    fitted = fit_regressor(Ridge(), older.features, older.outcome, 0)
    wrong_width = replace(fitted, width=replace(fitted.width, weights=-fitted.width.weights))
    calibrated = Value().calibrate(wrong_width, PUBLISHING, newer, newer.outcome)
    assert calibrated.model.spread.width is None
    assert calibrated.reason.endswith(": not kept")
    # Half of the rows is too little to try it on.
    few_rows = rows_between(rows, 2000, 2000 + LEAST_ROWS + 50)
    uncertain = Value().calibrate(fitted, PUBLISHING, few_rows, few_rows.outcome)
    assert uncertain.model.spread.width is None
    assert "too few to try" in uncertain.reason


def test_few_selection_rows_leave_the_interval_of_training_rows() -> None:
    fitted, model, reason = calibrate_ridge(daily_rows(), 1000, LEAST_ROWS - 1)
    assert model.spread == uncalibrated_spread(fitted)
    assert "too few to learn an interval from" in reason
    calibrated = calibrate_ridge(daily_rows(), 1000, LEAST_ROWS)
    assert calibrated[1].spread != uncalibrated_spread(fitted)


def test_selection_rows_that_are_wilder_widen_the_interval() -> None:
    rows = daily_rows(2000)
    outcome = rows.outcome.copy()
    outcome[1000:] *= 3
    fitted, model, _ = calibrate_ridge(replace(rows, outcome=outcome), 1000, 500)
    assert model.spread.width is None or model.spread.high > 0
    fresh = rows_between(replace(rows, outcome=outcome), 1500, 2000)
    assert coverage(fresh.outcome, model.score(fresh.features)[0]) == pytest.approx(0.8, abs=0.07)
    uncalibrated = Value().predict_uncalibrated(fitted, PUBLISHING, fresh)[0]
    assert coverage(fresh.outcome, uncalibrated) < 0.5
