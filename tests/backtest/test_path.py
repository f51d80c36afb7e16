"""An index made of its members: their weights as known before, in whatever order they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.backtest.path import path_of_members
from tests.backtest.price_paths import prices, times


@given(st.integers(0, 1000), st.permutations(range(4)))
def test_the_order_of_members_does_not_matter(seed: int, order: list[int]) -> None:
    random = np.random.default_rng(seed)
    prices_of_bars, weights = prices(seed, (20, 4)), random.random((20, 4)) + 0.1
    missing = random.random((20, 4)) < 0.2
    prices_of_bars = {
        name: np.where(missing, np.nan, values) for name, values in prices_of_bars.items()
    }
    straight = path_of_members(*times(20), prices_of_bars, weights)
    shuffled = path_of_members(
        *times(20), {n: v[:, order] for n, v in prices_of_bars.items()}, weights[:, order]
    )
    np.testing.assert_allclose(straight.close, shuffled.close, rtol=1e-12)
    np.testing.assert_allclose(straight.low, shuffled.low, rtol=1e-12)


def test_a_return_is_weighed_as_known_at_the_bar_before() -> None:
    close = np.array([[100.0, 100.0], [110.0, 100.0], [110.0, 120.0]])
    prices_of_bars = dict.fromkeys(("open", "high", "low", "close"), close)
    weights = np.array([[0.75, 0.25], [0.5, 0.5], [0.0, 1.0]])
    index = path_of_members(*times(3), prices_of_bars, weights)
    assert (index.close[1:] / index.close[:-1] - 1).tolist() == pytest.approx([0.075, 0.1])


def test_the_weight_of_a_member_without_a_bar_goes_to_the_others() -> None:
    close = np.array([[100.0, 100.0], [np.nan, 110.0], [50.0, 110.0]])
    prices_of_bars = dict.fromkeys(("open", "high", "low", "close"), close)
    index = path_of_members(*times(3), prices_of_bars, np.full((3, 2), 0.5))
    assert (index.close[1:] / index.close[:-1] - 1).tolist() == pytest.approx([0.1, 0.0])


@given(st.integers(0, 1000))
def test_the_far_ends_enclose_the_near_ends(seed: int) -> None:
    index = path_of_members(*times(20), prices(seed, (20, 3)), np.full((20, 3), 1 / 3))
    assert (index.low <= index.sure_low).all()
    assert (index.sure_low <= index.sure_high).all()
    assert (index.sure_high <= index.high).all()
