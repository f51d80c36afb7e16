"""The direction by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import NextDirection, NextReturn
from tests.labels.bars import panel_of, walk


def test_it_is_the_sign_of_the_next_return_and_unchanged_is_up() -> None:
    label = NextDirection()
    outcome = label.outcome(panel_of(np.array([10.0, 11.0, 9.0, 9.0])))
    np.testing.assert_array_equal(label.truth(outcome, label.learn(outcome)), [1, 0, 1, -1])


def test_its_outcome_is_the_return() -> None:
    for horizon in (1, 3):
        bars = panel_of(walk(1), walk(2))
        expected = NextReturn(horizon).outcome(bars)
        np.testing.assert_array_equal(NextDirection(horizon).outcome(bars), expected)


def test_the_border_is_zero_whatever_the_market_did() -> None:
    """A market that only rises has no training row of a class, which is refused later, by name."""
    assert NextDirection().learn(np.array([0.1, 0.2, 0.3])) == (0.0,)


def test_a_horizon_of_no_bars_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="horizon 0"):
        NextDirection(0)
