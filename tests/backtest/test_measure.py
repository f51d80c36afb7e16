"""Figures are what they are called, and their intervals hold what they should."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from pipelines.backtest.measure import Judged, drawn_from, earned, figures, row_of, total
from pipelines.backtest.policy import Policy, simulate
from tests.backtest.made import path


def judged(seed: int, skill: float, sessions: int = 60) -> Judged:
    random = np.random.default_rng(seed)
    outcome = random.standard_normal(sessions * 20)
    expected = skill * outcome + random.standard_normal(len(outcome))
    cuts = [-1.2, -0.5, 0.5, 1.2]
    predicted, actual = (np.searchsorted(cuts, one) for one in (expected, outcome))
    session = np.datetime64("2026-01-01") + np.arange(sessions).repeat(20)
    return Judged(expected, np.sign(predicted - 2), outcome, predicted, actual, session, 5)


def test_figures_are_those_of_scipy_and_their_intervals_tell_skill_from_noise() -> None:
    of = judged(1, 0.3)
    found = figures(of, seed=0)
    assert found["rank_ic"].value == pytest.approx(spearmanr(of.expected, of.outcome).statistic)
    assert found["ic"].value == pytest.approx(pearsonr(of.expected, of.outcome).statistic)
    called = of.direction != 0
    hits = np.sign(of.outcome[called]) == of.direction[called]
    assert found["hit_rate"].value == pytest.approx(hits.mean())
    for name in ("rank_ic", "ic"):
        low = found[name].low
        assert low is not None
        assert low > 0
    row = row_of(of)
    assert row["rank_ic"] == pytest.approx(found["rank_ic"].value)
    assert row["macro_f1"] == pytest.approx(found["macro_f1"].value)


def test_an_interval_holds_nothing_at_the_rate_it_says() -> None:
    inside = 0
    for seed in range(60):
        one = figures(judged(seed, 0.0, sessions=30), seed=0)["rank_ic"]
        assert one.low is not None
        assert one.high is not None
        inside += one.low <= 0 <= one.high
    assert inside >= 52  # of 57 that are due


def test_few_sessions_have_no_interval() -> None:
    found = figures(judged(1, 0.3, sessions=9), seed=0)
    assert found["rank_ic"].low is None
    assert figures(judged(1, 0.3, sessions=10), seed=0)["rank_ic"].low is not None


def test_sessions_are_drawn_whole() -> None:
    """What moves together within a session is one draw: its interval is as wide as it should be."""
    session = np.datetime64("2026-01-01") + np.arange(40)
    values = np.random.default_rng(0).standard_normal(40)
    one = total(values, drawn_from(session, 0))
    many = total(np.repeat(values, 10) / 10, drawn_from(session.repeat(10), 0))
    assert (many.low, many.high) == pytest.approx((one.low, one.high))


def test_always_long_earns_nothing_beyond_itself() -> None:
    made = path(5, 140)
    long = simulate(Policy(), made, np.ones(140, dtype=np.int64), 0.001)
    told = earned(long, made, 0, long)
    assert told["beyond_always_long"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert told["net"]["value"] == pytest.approx(told["gross"] - told["cost"])
    assert told["changes"] == 2
    assert told["over_night"] == pytest.approx(long.gross[made.over_night].sum())


def test_a_part_of_the_rows_has_the_figures_of_these_rows_alone() -> None:
    one, two = judged(1, 0.3), judged(2, 0.0)
    joined = Judged(
        *(
            np.concatenate([getattr(one, name), getattr(two, name)])
            for name in ("expected", "direction", "outcome", "predicted", "actual", "session")
        ),
        classes=5,
    )
    first = np.arange(len(joined)) < len(one)
    assert row_of(joined.take(first)) == row_of(one)
    assert row_of(joined.take(~first)) == row_of(two)
