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


def test_tuning_is_no_worse_than_what_was_declared_on_its_own_stretches() -> None:
    """Slow and shallow trees cannot tell what only two features together tell."""
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (1200, 4)).astype(np.float32)
    both = np.sign(features[:, 0] * features[:, 1]) + 0.3 * random.normal(0, 1, 1200)
    declared = BoostedValues(depth=1, rounds=10, rate=0.01)
    plain = fit_regressor(replace(declared, trials=0), features[:800], both[:800], 0)
    tuned = fit_regressor(declared, features[:800], both[:800], 0)
    assert plain.tuned_parameters == {}
    assert tuned.tuned_parameters["depth"] > 1
    old, new = (r2(both[800:], one.values(features[800:])) for one in (plain, tuned))
    assert new > old + 0.3


def test_too_few_rows_are_not_tuned_on() -> None:
    few = LEAST_ROWS * 4 - 1
    assert (
        fit_regressor(BoostedValues(), ROWS.features[:few], ROWS.outcome[:few], 0).tuned_parameters
        == {}
    )


@law(200)
@given(st.integers(1, 5000), st.integers(1, 6), st.integers(0, 400))
def test_no_stretch_is_tried_on_what_it_was_fitted_on(rows: int, folds: int, gap: int) -> None:
    found = time_folds(rows, folds, gap)
    assert len(found) in (0, folds)
    for older, newer in found:
        assert len(older)
        assert older[-1] + gap < newer[0]
        assert newer[-1] < rows
    if found:
        assert [one[1][0] for one in found[1:]] == [one[1][-1] + 1 for one in found[:-1]]
        assert found[-1][1][-1] == rows - 1
