"""The return by hand."""

from __future__ import annotations

import numpy as np

from pipelines.labels import NextReturn
from tests.labels.bars import panel_of


def test_it_is_the_log_return_to_the_close_so_many_bars_later() -> None:
    bars = panel_of(np.array([10.0, 11.0, 9.0]), np.array([20.0, 10.0]))
    outcome = NextReturn().outcome(bars)
    np.testing.assert_allclose(outcome, [*np.log([11 / 10, 9 / 11]), np.nan, np.log(0.5), np.nan])
    over_two = NextReturn(horizon=2).outcome(bars)
    np.testing.assert_allclose(over_two, [np.log(9 / 10), *[np.nan] * 4])


def test_flat_prices_return_nothing_and_that_is_known() -> None:
    outcome = NextReturn().outcome(panel_of(np.full(10, 10.0)))
    assert (outcome[:-1] == 0).all()


def test_no_infinity_is_true() -> None:
    outcomes = np.array([0.01, np.inf, -np.inf, np.nan], np.float32)
    truth = NextReturn().truth(outcomes, ())
    assert truth.dtype == np.float64
    np.testing.assert_array_equal(np.isfinite(truth), [True, False, False, False])
    assert np.isnan(truth[1:]).all()
