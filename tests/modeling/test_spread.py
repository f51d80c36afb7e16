"""Values are measured as they should be, and their intervals hold what they are said to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.labels import NextReturn
from pipelines.modeling.candidates import Ridge
from pipelines.modeling.candidates.base import FittedValue, fit_regressor
from pipelines.modeling.dataset import Rows
from pipelines.modeling.kinds.value import Value
from pipelines.modeling.spread import COVERAGE, LEAST_ROWS, spread_of_residuals, uncalibrated_spread
from pipelines.modeling.value_metrics import (
    coverage,
    is_inside,
)
from tests.laws import law
from tests.modeling.daily_rows import daily_rows

LABEL = NextReturn()


def part(rows: Rows, first: int, last: int) -> Rows:
    return rows.take(np.arange(first, last))


def settled(rows: Rows, training: int, selection: int) -> tuple[FittedValue, object, str]:
    older, newer = part(rows, 0, training), part(rows, training, training + selection)
    fitted = fit_regressor(Ridge(), older.features, older.outcome, 0)
    found = Value().calibrate(fitted, (), newer, newer.outcome)
    return fitted, found.model, found.reason


@law(100)
@given(st.integers(1, 300), st.integers(0, 1000))
def test_an_interval_has_the_value_inside_and_leaves_as_many_out_as_it_may(
    count: int, seed: int
) -> None:
    residuals = np.random.default_rng(seed).normal(0, 1, count)
    found = spread_of_residuals(residuals, None, np.empty(0))
    assert found.low <= 0 <= found.high
    ends = found.around(np.zeros(count), np.empty(0))
    out = (~is_inside(residuals, ends)).sum()
    assert out <= (count + 1) * (1 - COVERAGE)


def test_fresh_rows_are_inside_as_often_as_is_said_however_few_taught_it() -> None:
    """One row more than there are is counted: plain quantiles of 19 rows hold but 76 %."""
    random, held = np.random.default_rng(0), []
    for _ in range(4000):
        found = spread_of_residuals(random.normal(0, 1, 19), None, np.empty(0))
        held.append(found.low <= random.normal() <= found.high)
    assert np.mean(held) == pytest.approx(COVERAGE, abs=0.02)


@pytest.mark.parametrize("wild", [0.0, 0.8])
def test_on_fresh_rows_coverage_is_near_what_is_said(wild: float) -> None:
    rows = daily_rows(6000, wild=wild)
    _, model, reason = settled(rows, 2000, 1000)
    fresh = part(rows, 3000, 6000)
    given_, said = model.score(fresh.features)
    assert coverage(fresh.outcome, given_) == pytest.approx(COVERAGE, abs=0.04)
    np.testing.assert_array_equal(given_[:, 0], said)
    if wild:
        assert reason.endswith(": kept")


def test_calm_and_wild_rows_are_held_alike_where_features_tell_them_apart() -> None:
    rows = daily_rows(6000, wild=0.8)
    fitted, model, _ = settled(rows, 2000, 1000)
    fresh = part(rows, 3000, 6000)
    even = spread_of_residuals(fitted.residuals, None, np.empty(0))
    for wild in (fresh.features[:, 1] > 0.5, fresh.features[:, 1] < -0.5):
        some = fresh.take(wild)
        assert coverage(some.outcome, model.score(some.features)[0]) == pytest.approx(0.8, abs=0.06)
        same = even.around(fitted.values(some.features), some.features)
        assert abs(coverage(some.outcome, same) - 0.8) > 0.1


def test_a_width_that_does_not_help_is_not_kept() -> None:
    rows = daily_rows(3000, wild=0.8)
    older, newer = part(rows, 0, 2000), part(rows, 2000, 3000)
    fitted = fit_regressor(Ridge(), older.features, older.outcome, 0)
    turned = replace(fitted, width=replace(fitted.width, weights=-fitted.width.weights))
    found = Value().calibrate(turned, (), newer, newer.outcome)
    assert found.model.spread.width is None
    assert found.reason.endswith(": not kept")
    # Half of the rows is too little to try it on.
    some = part(rows, 2000, 2000 + LEAST_ROWS + 50)
    kept = Value().calibrate(fitted, (), some, some.outcome)
    assert kept.model.spread.width is None
    assert "too few to try" in kept.reason


def test_few_selection_rows_leave_the_interval_of_training_rows() -> None:
    fitted, model, reason = settled(daily_rows(), 1000, LEAST_ROWS - 1)
    assert model.spread == uncalibrated_spread(fitted)
    assert "too few to learn an interval from" in reason
    enough = settled(daily_rows(), 1000, LEAST_ROWS)
    assert enough[1].spread != uncalibrated_spread(fitted)


def test_selection_rows_that_are_wilder_widen_the_interval() -> None:
    rows = daily_rows(2000)
    outcome = rows.outcome.copy()
    outcome[1000:] *= 3
    fitted, model, _ = settled(replace(rows, outcome=outcome), 1000, 500)
    assert model.spread.width is None or model.spread.high > 0
    fresh = part(replace(rows, outcome=outcome), 1500, 2000)
    assert coverage(fresh.outcome, model.score(fresh.features)[0]) == pytest.approx(0.8, abs=0.07)
    alone = Value().uncalibrated(fitted, (), outcome[:1000]).score(fresh.features)[0]
    assert coverage(fresh.outcome, alone) < 0.5
