"""Figures of rows with intervals over whole sessions."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.gates.intervals import (
    drawdown,
    information_coefficient,
    mean,
    number,
    resample_sessions,
    share,
    total,
)
from pipelines.gates.skill import LEAST_SESSIONS
from pipelines.modeling.metrics import rank_ic

SESSION = np.datetime64("2026-01-01") + np.arange(40)
VALUES = np.random.default_rng(0).standard_normal(40)


def test_sessions_are_drawn_whole() -> None:
    """Copies of a row within a session are drawn together and do not narrow the interval."""
    first = total(VALUES, resample_sessions(SESSION, 0))
    repeated = total(np.repeat(VALUES, 10) / 10, resample_sessions(SESSION.repeat(10), 0))
    assert (repeated.low, repeated.high) == pytest.approx((first.low, first.high))


def test_a_mean_and_a_share_count_only_the_rows_that_are_counted() -> None:
    sessions, counted = resample_sessions(SESSION, 0), np.arange(40) % 2 == 0
    part = mean(VALUES, counted, sessions)
    assert part.value == pytest.approx(VALUES[counted].mean())
    assert part.low is not None
    assert part.high is not None
    assert part.low < part.value < part.high
    hits = share(VALUES > 0, counted, sessions)
    assert hits.value == pytest.approx((VALUES[counted] > 0).mean())
    assert number(share(VALUES > 0, np.zeros(40, bool), sessions).value) is None


def test_few_sessions_have_no_interval() -> None:
    few = LEAST_SESSIONS - 1
    part = total(VALUES[:few], resample_sessions(SESSION[:few], 0))
    assert (part.low, part.high) == (None, None)
    assert total(VALUES[: few + 1], resample_sessions(SESSION[: few + 1], 0)).low is not None


def test_the_rank_ic_is_the_one_of_the_metrics() -> None:
    outcome = VALUES + np.random.default_rng(1).standard_normal(40)
    score = np.round(VALUES, 1)  # with ties
    measured = information_coefficient(score, outcome, resample_sessions(SESSION, 0))
    assert measured.value == pytest.approx(rank_ic(score, outcome))


def test_a_curve_that_only_falls_lies_below_its_start() -> None:
    assert drawdown(np.array([-0.1, -0.3, -0.2])) == pytest.approx([0.1, 0.3, 0.2])
    assert drawdown(np.array([0.2, 0.1, 0.4])) == pytest.approx([0.0, 0.1, 0.0])
