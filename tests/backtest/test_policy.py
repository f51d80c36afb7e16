"""Positions know no later bar, keep their limits, and are stopped at prices of their bar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.backtest.path import Path
from pipelines.backtest.policy import Policy, net_returns, simulate
from pipelines.core.errors import InvalidRequest
from tests.backtest.price_paths import path, times

SHARES = st.none() | st.sampled_from([0.002, 0.01, 0.03])
POLICIES = st.builds(
    Policy,
    limit=st.sampled_from([0.5, 1.0, 2.5]),
    size=st.sampled_from([0.5, 1.0]),
    stop_loss=SHARES,
    take_profit=SHARES,
    flat_by_close=st.booleans(),
)
SEEDS = st.integers(0, 10_000)


def direction(seed: int, bars: int) -> np.ndarray:
    return np.random.default_rng(seed + 1).integers(-1, 2, bars)


@given(POLICIES, SEEDS, st.integers(1, 39))
def test_what_comes_after_a_bar_changes_no_position_up_to_it(
    policy: Policy, seed: int, at: int
) -> None:
    old, new, signs = path(seed, 40), path(seed + 1, 40), direction(seed, 40)
    later = np.arange(40) >= at
    names = ("open", "high", "low", "close", "sure_high", "sure_low")
    mixed = replace(old, **{n: np.where(later, getattr(new, n), getattr(old, n)) for n in names})
    other = np.where(later, -signs, signs)
    first, second = simulate(policy, old, signs, 0.001), simulate(policy, mixed, other, 0.001)
    np.testing.assert_array_equal(first.position[:at], second.position[:at])
    np.testing.assert_array_equal(first.net[:at], second.net[:at])


@given(POLICIES, SEEDS)
def test_a_position_keeps_its_limit_and_its_close(policy: Policy, seed: int) -> None:
    price_path = path(seed, 60)
    returns = simulate(policy, price_path, direction(seed, 60), 0.0)
    assert np.abs(returns.position).max() <= policy.limit
    assert returns.position[-1] == 0
    if policy.flat_by_close:
        assert not returns.position[price_path.last].any()
        assert not returns.gross[price_path.over_night].any()


@given(POLICIES, SEEDS, st.floats(0, 0.01), st.floats(0, 0.01))
def test_costs_only_ever_lower_what_is_earned(
    policy: Policy, seed: int, first: float, second: float
) -> None:
    price_path, signs = path(seed, 40), direction(seed, 40)
    less, more = (simulate(policy, price_path, signs, cost) for cost in sorted((first, second)))
    np.testing.assert_array_equal(less.position, more.position)
    assert (more.net <= less.net).all()


@given(SEEDS)
def test_without_stops_a_position_is_the_signal(seed: int) -> None:
    price_path, signs = path(seed, 40), direction(seed, 40)
    signs[-1] = 0
    returns = simulate(Policy(), price_path, signs, 0.001)
    np.testing.assert_array_equal(returns.position, signs)
    np.testing.assert_allclose(returns.net, net_returns(price_path, signs, 0.001), atol=1e-14)
    assert returns.net.sum() == pytest.approx(
        sum(
            a * (price_path.close[t + 1] / price_path.close[t] - 1)
            for t, a in enumerate(signs[:-1])
        )
        - 0.001 * np.abs(np.diff(signs, prepend=0)).sum()
    )


def bars(*prices: tuple[float, float, float, float]) -> Path:
    opened, high, low, close = np.array(prices).T
    return Path(*times(len(prices)), opened, high, low, close, high, low)


FLAT_BAR = (100.0, 100.0, 100.0, 100.0)


@pytest.mark.parametrize(
    ("side", "bar", "price", "reason"),
    [
        (1, (100, 103, 98, 101), 99.0, "stop"),  # both fall in the bar: the stop is first
        (1, (97, 103, 96, 101), 97.0, "stop"),  # a gap through the stop fills at the open
        (1, (100, 103, 99.5, 101), 102.0, "target"),
        (1, (104, 105, 98, 101), 104.0, "target"),  # the open comes before all else
        (1, (100, 101, 99.5, 100.5), 100.5, ""),
        (-1, (100, 102, 97, 99), 101.0, "stop"),
        (-1, (103, 104, 97, 99), 103.0, "stop"),
        (-1, (100, 100.5, 97, 99), 98.0, "target"),
    ],
)
def test_where_a_bar_ends_a_position(
    side: int, bar: tuple[float, float, float, float], price: float, reason: str
) -> None:
    policy = Policy(stop_loss=0.01, take_profit=0.02)
    price_path = bars(FLAT_BAR, bar, FLAT_BAR)
    returns = simulate(policy, price_path, np.array([side, 0, 0]), 0.0)
    assert returns.exits[1] == reason
    assert returns.gross[1] == pytest.approx(side * (price / 100 - 1))
    assert returns.traded.tolist() == [1, 1, 0]


def test_the_bar_of_the_signal_itself_stops_nothing() -> None:
    price_path = bars((100, 120, 80, 100), FLAT_BAR, FLAT_BAR)
    returns = simulate(
        Policy(stop_loss=0.01, take_profit=0.01), price_path, np.array([1, 1, 1]), 0.0
    )
    assert not returns.exits.any()


def test_a_target_of_a_computed_index_needs_a_price_that_was_reached() -> None:
    price_path = bars(FLAT_BAR, (100, 105, 100, 101), FLAT_BAR)
    price_path = replace(price_path, sure_high=np.array([100.0, 101.0, 100.0]))
    returns = simulate(Policy(take_profit=0.02), price_path, np.array([1, 1, 1]), 0.0)
    assert not returns.exits.any()


def test_a_position_grows_to_its_limit_and_turns_at_once() -> None:
    price_path = bars(*[FLAT_BAR] * 6)
    signs = np.array([1, 1, 1, -1, 0, 0])
    returns = simulate(Policy(limit=1.5, size=1.0), price_path, signs, 0.01)
    assert returns.position.tolist() == [1.0, 1.5, 1.5, -1.0, 0.0, 0.0]
    assert returns.traded.tolist() == [1.0, 0.5, 0.0, 2.5, 1.0, 0.0]
    assert returns.cost.sum() == pytest.approx(0.05)


def test_stops_look_at_the_mean_entry() -> None:
    price_path = bars(FLAT_BAR, (110, 110, 110, 110), (106, 106, 104.5, 106), FLAT_BAR)
    returns = simulate(Policy(limit=2, stop_loss=0.004), price_path, np.array([1, 1, 0, 0]), 0.0)
    # bought at 100 and at 110: the mean is 105, its stop 104.58
    assert returns.exits.tolist() == ["", "", "stop", ""]
    assert returns.gross[2] == pytest.approx(2 * (105 * 0.996 / 110 - 1))


@pytest.mark.parametrize("wrong", [{"limit": 0.0}, {"stop_loss": 1.0}, {"take_profit": -0.1}])
def test_an_impossible_policy_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidRequest):
        Policy(**wrong)  # type: ignore[arg-type]
