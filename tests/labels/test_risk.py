"""The three risks by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.features import DAILY, feature_matrix
from pipelines.labels import Risk
from tests.labels.bars import panel_of, walk

BARS = {
    "open": np.array([10.0, 10.5, 12.5, 8.0]),
    "high": np.array([10.2, 11.0, 13.0, 9.0]),
    "low": np.array([9.8, 9.5, 12.0, 8.0]),
    "close": np.array([10.0, 10.5, 12.5, 8.5]),
}


def test_it_is_the_next_bars_range_and_a_gap_counts() -> None:
    outcome = Risk().outcome(panel_of(BARS))
    # The bar itself; up from the close before to the high; down from the close before to the low.
    expected = np.log([11 / 9.5, 13 / 10.5, 12.5 / 8])
    np.testing.assert_allclose(outcome, [*expected, np.nan], rtol=1e-12)
    two = np.sqrt((expected[:-1] ** 2 + expected[1:] ** 2) / 2)
    np.testing.assert_allclose(Risk(horizon=2).outcome(panel_of(BARS)), [*two, np.nan, np.nan])


def test_it_is_what_the_next_bars_feature_says() -> None:
    """So that the newest range is a forecast of the next that a model can be held against."""
    bars = panel_of(walk(1))
    (feature,) = (one for one in DAILY if one.name == "true_range")
    own = feature_matrix([feature], bars)[:, 0]
    np.testing.assert_array_equal(Risk().outcome(bars)[:-1].astype(np.float32), own[1:])


def test_a_bar_that_does_not_move_is_of_the_lowest_risk() -> None:
    outcome = Risk().outcome(panel_of({name: np.full(10, 5.0) for name in BARS}))
    assert (outcome[:-1] == 0).all()
    assert Risk().truth(outcome, (0.01, 0.02)).tolist() == [0] * 9 + [-1]


def test_thresholds_are_terciles_of_the_outcomes_given_or_fixed() -> None:
    outcomes = np.append(np.arange(900.0), np.nan)
    cuts = Risk().learn(outcomes)
    assert cuts == pytest.approx((899 / 3, 899 * 2 / 3))
    assert np.bincount(Risk().truth(outcomes, cuts)[:-1]).tolist() == [300, 300, 300]
    assert Risk(fixed=(0.01, 0.02)).learn(outcomes) == (0.01, 0.02)
    assert Risk(fixed=(0.01, 0.02)).definition != Risk().definition
    # A threshold belongs to the class above it.
    assert Risk().truth(np.array([0.01, 0.02]), (0.01, 0.02)).tolist() == [1, 2]


def test_too_little_to_learn_from_and_wrong_cuts_are_told() -> None:
    with pytest.raises(InvalidRequest, match="too few") as found:
        Risk().learn(np.arange(99.0))
    assert "longer span" in found.value.hint
    for wrong in ({"quantiles": (0.5,)}, {"quantiles": (0.6, 0.3)}, {"fixed": ()}):
        with pytest.raises(InvalidRequest, match="do not cut low, medium, high") as found:
            Risk(**wrong)
        assert "2 of them" in found.value.hint
