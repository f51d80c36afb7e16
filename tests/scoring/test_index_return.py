"""An index's return is its fund's, or else that of its members by their weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.index_return import MEMBERS, IndexPrices, index_ratios

NONE = math.nan


def prices(fund: list[float], *members: list[float]) -> IndexPrices:
    """Build prices of bars; `members` has a row for each bar."""
    return IndexPrices(np.array(fund), np.array(members))


def test_the_fund_counts_where_it_has_both_prices_and_the_members_where_not() -> None:
    earlier = prices([100, NONE, 100], [50, 10], [50, 10], [50, 10])
    later = prices([101, 100, NONE], [60, 10], [60, 10], [50, 11])
    ratios = index_ratios(earlier, later, np.array([[0.3, 0.1]] * 3))
    assert ratios.value.tolist() == pytest.approx([1.01, 1.15, 1.025])
    assert ratios.of_fund.tolist() == [True, False, False]
    assert ratios.origins("QQQ") == ["QQQ", MEMBERS, MEMBERS]
    assert ratios.coverage.tolist() == [1, 1, 1]


def test_the_weight_of_who_lacks_a_price_or_has_no_weight_goes_to_the_others() -> None:
    earlier = prices([NONE] * 3, [50, 10], [50, NONE], [NONE, NONE])
    later = prices([NONE] * 3, [60, NONE], [60, 10], [50, 11])
    ratios = index_ratios(earlier, later, np.array([[0.3, 0.1]] * 3))
    assert ratios.value.tolist() == pytest.approx([1.2, 1.2, NONE], nan_ok=True)
    assert ratios.coverage.tolist() == pytest.approx([0.75, 0.75, 0])
    unknown = index_ratios(earlier, later, np.full((3, 2), np.nan))
    assert np.isnan(unknown.value).all()


@given(st.integers(0, 1000))
def test_a_fund_that_holds_its_members_by_weight_has_their_return(seed: int) -> None:
    random = np.random.default_rng(seed)
    members, later = (random.uniform(10, 500, (20, 4)) for _ in range(2))
    shares = random.uniform(0.1, 5, 4)
    weights = members * shares / (members @ shares)[:, None]
    fund = IndexPrices(members @ shares, members), IndexPrices(later @ shares, later)
    alone = (IndexPrices(np.full(20, np.nan), part.members) for part in fund)
    np.testing.assert_allclose(
        index_ratios(*alone, weights).value, index_ratios(*fund, weights).value, rtol=1e-12
    )
