"""An index is its fund, or made of its members: their weights as known before, in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.backtest.path import LEVEL, Path, path_of_index
from tests.backtest.price_paths import prices, times

NAMES = ("open", "high", "low", "close")


def path_of_members(
    ts: np.ndarray, closes_at: np.ndarray, session: np.ndarray, last: np.ndarray,
    prices: dict[str, np.ndarray], weights: np.ndarray,
) -> Path:  # fmt: skip
    """Return the path of an index whose fund has no bars."""
    no_fund = dict.fromkeys(NAMES, np.full(len(ts), np.nan))
    return path_of_index(ts, closes_at, session, last, no_fund, prices, weights)


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


def test_a_fund_that_has_every_bar_is_the_index() -> None:
    fund = {name: values[:, 0] for name, values in prices(1, (20, 1)).items()}
    index = path_of_index(*times(20), fund, prices(2, (20, 3)), np.full((20, 3), 1 / 3))
    for name in NAMES:
        np.testing.assert_array_equal(getattr(index, name), fund[name])
    np.testing.assert_array_equal(index.sure_high, fund["high"])


@given(st.integers(0, 1000))
def test_each_return_is_the_fund_s_where_it_has_both_bars_and_else_the_members(seed: int) -> None:
    fund = {name: values[:, 0] for name, values in prices(seed, (20, 1)).items()}
    members, weights = prices(seed + 1, (20, 3)), np.full((20, 3), 1 / 3)
    whole = path_of_index(*times(20), fund, members, weights)
    without = path_of_members(*times(20), members, weights)
    missing = np.random.default_rng(seed).random(20) < 0.3
    missing[3] = True
    holes = {name: np.where(missing, np.nan, values) for name, values in fund.items()}
    mixed = path_of_index(*times(20), holes, members, weights)
    has_both = ~missing[1:] & ~missing[:-1]
    expected = np.where(
        has_both, whole.close[1:] / whole.close[:-1], without.close[1:] / without.close[:-1]
    )
    np.testing.assert_allclose(mixed.close[1:] / mixed.close[:-1], expected, rtol=1e-12)
    np.testing.assert_allclose(
        (mixed.sure_high[1:] / mixed.close[:-1])[has_both],
        (whole.high[1:] / whole.close[:-1])[has_both],
        rtol=1e-12,
    )
    assert mixed.close[0] == LEVEL
