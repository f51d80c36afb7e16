"""Figures equal those of SciPy, and their intervals cover as often as they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import r2_score

from pipelines.backtest.judged_rows import (
    JUDGED_KINDS,
    JudgedRows,
    figures,
    select_judged,
    summarise_rows,
)
from pipelines.labels import NextReturn
from tests.backtest.small_backtest import FORECAST, _scored_rows


def simulate_judged_rows(seed: int, skill: float, sessions: int = 60) -> JudgedRows:
    random = np.random.default_rng(seed)
    outcome = random.standard_normal(sessions * 20)
    expected = skill * outcome + random.standard_normal(len(outcome))
    cuts = [-1.2, -0.5, 0.5, 1.2]
    predicted, actual = (np.searchsorted(cuts, values) for values in (expected, outcome))
    session = np.datetime64("2026-01-01") + np.arange(sessions).repeat(20)
    outputs = np.eye(5)[predicted]
    score = np.sign(predicted - 2)
    return JudgedRows(expected, score, outcome, predicted, actual, session, outputs)


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


def test_a_part_of_the_rows_has_the_figures_of_these_rows_alone() -> None:
    first, second = simulate_judged_rows(1, 0.3), simulate_judged_rows(2, 0.0)
    both = JudgedRows(
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in (
                "expected",
                "direction",
                "outcome",
                "predicted",
                "actual",
                "session",
                "outputs",
            )
        )
    )
    of_first = np.arange(len(both)) < len(first)
    assert summarise_rows(both.take(of_first)) == summarise_rows(first)
    assert summarise_rows(both.take(~of_first)) == summarise_rows(second)


def test_how_often_it_acts_is_a_figure_of_its_own() -> None:
    rows = simulate_judged_rows(1, 0.3)
    figure = figures(rows, seed=0)["acting_share"]
    assert figure.value == pytest.approx((rows.score != 0).mean())
    assert summarise_rows(rows)["acting_share"] == pytest.approx(figure.value)
    holding = JudgedRows(
        rows.expected, np.zeros(len(rows)), rows.outcome, np.full(len(rows), 2), rows.actual,
        rows.session, rows.outputs,
    )  # fmt: skip
    figure_of_none = figures(holding, seed=0)
    assert figure_of_none["acting_share"].value == 0
    assert np.isnan(figure_of_none["hit_rate"].value), "nothing acted, so nothing hit"
    assert summarise_rows(holding)["hit_rate"] is None


def test_values_are_judged_by_the_variance_they_explain_and_by_their_interval() -> None:
    rows = simulate_judged_rows(1, 0.3)
    value = 0.3 * rows.expected
    outputs = np.stack([value, value - 1, value + 1], axis=1)
    values = JudgedRows(
        value, np.sign(value), rows.outcome, value, rows.outcome, rows.session, outputs
    )
    figure = figures(values, seed=0, kind="value")
    assert figure["r2"].value == pytest.approx(r2_score(rows.outcome, value))
    assert summarise_rows(values, "value")["r2"] == pytest.approx(figure["r2"].value)
    assert figure["coverage"].value == pytest.approx((np.abs(rows.outcome - value) <= 1).mean())
    assert "macro_f1" not in figure
    shares = JUDGED_KINDS["value"].shares(values, NextReturn())
    assert [row["action"] for row in shares] == ["sell", "hold", "buy"]
    assert shares[2]["happened"] == pytest.approx((rows.outcome > 0).mean())
    assert shares[0]["said"] == pytest.approx((value < 0).mean())


def test_only_rows_with_an_outcome_are_judged() -> None:
    scored = _scored_rows()
    rows = select_judged(scored, FORECAST.label)
    assert len(rows) == int(np.isfinite(scored.rows.outcome).sum()) < len(scored)
