"""Tuning tries on newer rows than it fits on, and finds better parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.modeling.candidates import BoostedValues
from pipelines.modeling.candidates.base import fit_regressor
from pipelines.modeling.candidates.tuned import LEAST_ROWS, time_folds
from pipelines.modeling.value_metrics import r2
from tests.laws import law
from tests.modeling.daily_rows import daily_rows

ROWS = daily_rows()


def test_tuned_parameters_predict_better_than_poorly_declared_ones() -> None:
    """Slow and shallow trees cannot learn an effect of two features together."""
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (1200, 4)).astype(np.float32)
    outcome = np.sign(features[:, 0] * features[:, 1]) + 0.3 * random.normal(0, 1, 1200)
    declared = BoostedValues(depth=1, rounds=10, rate=0.01)
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
        fit_regressor(BoostedValues(), ROWS.features[:few], ROWS.outcome[:few], 0).tuned_parameters
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
