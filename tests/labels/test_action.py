"""The five actions by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action
from tests.labels.bars import panel_of, walk


def test_an_action_is_the_scaled_return_of_the_next_bar() -> None:
    close = walk(7)
    at = 50
    spread = np.diff(np.log(close))[at - 20 : at].std(ddof=1)
    expected = np.log(close[at + 1] / close[at]) / spread
    assert Action().outcome(panel_of(close))[at] == pytest.approx(expected, rel=1e-12)


def test_thresholds_are_quantiles_of_the_outcomes_given() -> None:
    outcomes = np.append(np.arange(1000.0), np.nan)
    cuts = Action().learn(outcomes)
    assert cuts == pytest.approx((99.9, 299.7, 699.3, 899.1))
    shares = np.bincount(Action().truth(outcomes, cuts)[:-1])
    assert shares.tolist() == [100, 200, 400, 200, 100]
    assert Action(fixed=(-2.0, -1.0, 1.0, 2.0)).learn(outcomes) == (-2.0, -1.0, 1.0, 2.0)


def test_too_little_to_learn_from_and_wrong_cuts_are_told() -> None:
    with pytest.raises(InvalidRequest, match="too few"):
        Action().learn(np.arange(99.0))
    with pytest.raises(InvalidRequest, match="do not cut"):
        Action(quantiles=(0.1, 0.3, 0.3, 0.9))
    with pytest.raises(InvalidRequest, match="horizon"):
        Action(horizon=0)


def test_flat_prices_have_no_outcome_rather_than_an_infinite_one() -> None:
    assert np.isnan(Action().outcome(panel_of(np.full(100, 10.0)))).all()
