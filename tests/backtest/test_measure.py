"""Figures equal those of SciPy, and their intervals cover as often as they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from pipelines.backtest.measure import (
    JudgedRows,
    figures,
    resample_sessions,
    summarise_returns,
    summarise_rows,
    total,
)
from pipelines.backtest.policy import Policy, simulate
from tests.backtest.price_paths import path


def simulate_judged_rows(seed: int, skill: float, sessions: int = 60) -> JudgedRows:
    random = np.random.default_rng(seed)
    outcome = random.standard_normal(sessions * 20)
    expected = skill * outcome + random.standard_normal(len(outcome))
    cuts = [-1.2, -0.5, 0.5, 1.2]
    predicted, actual = (np.searchsorted(cuts, values) for values in (expected, outcome))
    session = np.datetime64("2026-01-01") + np.arange(sessions).repeat(20)
    return JudgedRows(expected, np.sign(predicted - 2), outcome, predicted, actual, session, 5)


def test_figures_are_those_of_scipy_and_their_intervals_tell_skill_from_noise() -> None:
    rows = simulate_judged_rows(1, 0.3)
    figure = figures(rows, seed=0)
    assert figure["rank_ic"].value == pytest.approx(
        spearmanr(rows.expected, rows.outcome).statistic
    )
    assert figure["ic"].value == pytest.approx(pearsonr(rows.expected, rows.outcome).statistic)
    has_side = rows.direction != 0
    hits = np.sign(rows.outcome[has_side]) == rows.direction[has_side]
    assert figure["hit_rate"].value == pytest.approx(hits.mean())
    for name in ("rank_ic", "ic"):
        low = figure[name].low
        assert low is not None
        assert low > 0
    row = summarise_rows(rows)
    assert row["rank_ic"] == pytest.approx(figure["rank_ic"].value)
    assert row["macro_f1"] == pytest.approx(figure["macro_f1"].value)


def test_an_interval_covers_zero_as_often_as_promised_where_there_is_no_skill() -> None:
    covered = 0
    for seed in range(60):
        ic = figures(simulate_judged_rows(seed, 0.0, sessions=30), seed=0)["rank_ic"]
        assert ic.low is not None
        assert ic.high is not None
        covered += ic.low <= 0 <= ic.high
    assert covered >= 52  # of 57 that are due


def test_few_sessions_have_no_interval() -> None:
    figure = figures(simulate_judged_rows(1, 0.3, sessions=9), seed=0)
    assert figure["rank_ic"].low is None
    assert figures(simulate_judged_rows(1, 0.3, sessions=10), seed=0)["rank_ic"].low is not None


def test_sessions_are_drawn_whole() -> None:
    """Copies of a row within a session are drawn together and do not narrow the interval."""
    session = np.datetime64("2026-01-01") + np.arange(40)
    values = np.random.default_rng(0).standard_normal(40)
    first = total(values, resample_sessions(session, 0))
    repeated = total(np.repeat(values, 10) / 10, resample_sessions(session.repeat(10), 0))
    assert (repeated.low, repeated.high) == pytest.approx((first.low, first.high))


def test_always_long_earns_nothing_beyond_itself() -> None:
    price_path = path(5, 140)
    long = simulate(Policy(), price_path, np.ones(140, dtype=np.int64), 0.001)
    summary = summarise_returns(long, price_path, 0, long)
    assert summary["beyond_always_long"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert summary["net"]["value"] == pytest.approx(summary["gross"] - summary["cost"])
    assert summary["changes"] == 2
    assert summary["over_night"] == pytest.approx(long.gross[price_path.over_night].sum())


def test_a_part_of_the_rows_has_the_figures_of_these_rows_alone() -> None:
    first, second = simulate_judged_rows(1, 0.3), simulate_judged_rows(2, 0.0)
    both = JudgedRows(
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in ("expected", "direction", "outcome", "predicted", "actual", "session")
        ),
        classes=5,
    )
    of_first = np.arange(len(both)) < len(first)
    assert summarise_rows(both.take(of_first)) == summarise_rows(first)
    assert summarise_rows(both.take(~of_first)) == summarise_rows(second)
