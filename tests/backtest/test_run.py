"""A backtest of one symbol equals a computation by hand, and knows nothing of what comes later."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.backtest.policy import Policy
from pipelines.forecasts import AAPL_DAILY, NVDA_5M, Forecast
from tests.backtest.alone_backtest import LEAST, AloneMarket, backtest_alone, draw_market, grid_of

COST = 0.0002
EACH_FORECAST = pytest.mark.parametrize("forecast", [NVDA_5M, AAPL_DAILY], ids=lambda f: f.name)
SCORES = (-2, -1, 0, 1, 2)


def side(forecast: Forecast, outputs: np.ndarray) -> int:
    """-1, 0 or 1: what a row of outputs says, by the rules as a reader knows them."""
    if forecast is AAPL_DAILY:
        return int(np.sign(outputs[0]))
    best = int(outputs.argmax())
    return int(np.sign(SCORES[best])) if outputs[best] >= LEAST else 0


def trade_by_hand(market: AloneMarket, policy: Policy) -> tuple[list[float], list[float]]:
    """The position after each bar and its net return, of at most one notional."""
    columns = zip(
        *(market.prices[n].tolist() for n in ("open", "high", "low", "close")), strict=True
    )
    session = grid_of(market.forecast).session
    positions, nets, holding, entry, before = [], [], 0, 0.0, 0.0
    for t, (opened, high, low, close) in enumerate(columns):
        net, exited = 0.0, False
        if holding:
            sold_at = close
            stop = entry * (1 - holding * (policy.stop_loss or 9))
            target = entry * (1 + holding * (policy.take_profit or 9))
            worst, best = (low, high) if holding > 0 else (high, low)
            if holding * (opened - stop) <= 0 or holding * (opened - target) >= 0:
                sold_at, exited = opened, True
            elif holding * (worst - stop) <= 0:
                sold_at, exited = stop, True
            elif holding * (best - target) >= 0:
                sold_at, exited = target, True
            net = holding * (sold_at / before - 1)
        if exited:
            net, holding = net - COST, 0
        wanted = side(market.forecast, market.outputs[t])
        is_last = t == len(session) - 1
        if is_last or (policy.flat_by_close and session[t] != session[t + 1]):
            wanted = 0
        net -= COST * abs(wanted - holding)
        if wanted != holding:
            entry = close
        holding, before = wanted, close
        positions.append(float(holding))
        nets.append(net)
    return positions, nets


@EACH_FORECAST
@given(seed=st.integers(0, 10_000))
def test_positions_and_returns_are_those_of_a_computation_by_hand(
    forecast: Forecast, seed: int
) -> None:
    market = draw_market(forecast, seed)
    flat = forecast is NVDA_5M
    policy = Policy(stop_loss=0.004, take_profit=0.006, flat_by_close=flat)
    result = backtest_alone(market, policy, cost=COST)
    for prefix, traded in (("", Policy()), ("policy_", policy)):
        positions, nets = trade_by_hand(market, traded)
        assert result.signals[f"{prefix}position"].to_pylist() == positions
        np.testing.assert_allclose(result.signals[f"{prefix}net"].to_numpy(), nets, atol=1e-12)
    assert result.returns["signal"]["net"]["value"] == pytest.approx(
        sum(trade_by_hand(market, Policy())[1]), abs=1e-10
    )  # a report has ten digits after the point


@EACH_FORECAST
@given(seed=st.integers(0, 10_000), part=st.floats(0.2, 0.95))
def test_another_future_changes_nothing_before_it(
    forecast: Forecast, seed: int, part: float
) -> None:
    market = draw_market(forecast, seed)
    bar = int(part * len(market.outputs))
    other = market.replace_from(bar, draw_market(forecast, seed + 1))
    policy = Policy(stop_loss=0.004, flat_by_close=forecast is NVDA_5M)
    first, second = (backtest_alone(m, policy, tune=True) for m in (market, other))
    for name in first.signals.schema.names:
        of_first, of_second = (r.signals[name].to_pylist()[:bar] for r in (first, second))
        assert of_first == of_second, name
    for name in ("action", "score", "expected_score"):
        of_first, of_second = (r.predictions[name].to_pylist()[:bar] for r in (first, second))
        assert of_first == of_second, name


@EACH_FORECAST
def test_the_report_says_how_often_it_acts_and_can_be_computed_again(forecast: Forecast) -> None:
    market = draw_market(forecast, 5)
    result = backtest_alone(market, tune=True)
    sides = np.array([side(forecast, outputs) for outputs in market.outputs])
    assert np.sign(result.predictions["score"].to_numpy()).tolist() == sides.tolist()
    assert result.signals["wss"].to_pylist() == result.predictions["score"].to_pylist()
    judged = np.isfinite(result.predictions["outcome"].to_numpy())
    acting_share = result.figures["acting_share"].value
    assert acting_share == pytest.approx((sides[judged] != 0).mean())
    assert acting_share > 0
    net = result.signals["gross"].to_numpy() - result.signals["cost"].to_numpy()
    assert result.returns["signal"]["net"]["value"] == pytest.approx(net.sum())
    (symbol,) = forecast.symbols
    assert result.about["index_bars"] == f"{symbol}'s own bars"
    np.testing.assert_array_equal(result.signals["index_close"], market.prices["close"])


def test_a_tuned_confidence_acts_from_it_on() -> None:
    """The first window keeps what is declared; each row shows the confidence that counted."""
    market = draw_market(NVDA_5M, 8)
    result = backtest_alone(market, tune=True)
    assert result.windows[0]["least_confidence"] == LEAST
    assert result.about["least_confidence"] == LEAST
    least = result.signals["least_confidence"].to_numpy()
    best = market.outputs.argmax(axis=1)
    scores = np.where(market.outputs.max(axis=1) >= least, np.array(SCORES)[best], 0)
    np.testing.assert_array_equal(result.signals["tuned_wss"].to_numpy(), scores)
    names = np.array(["SELL", "HOLD", "BUY"])[np.sign(scores) + 1]
    assert result.signals["tuned_signal"].to_pylist() == names.tolist()
