"""Live skill: a champion is failed when it means it, and not before."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import InvalidRequest
from pipelines.monitoring.live import LiveRows, LiveSkill, credited, figures
from tests.monitoring.simulation import NEVER, credit, rolled_back

RULE = LiveSkill(resamples=200)
BARS, SYMBOLS = 7, 20


def live(ic: float | tuple[float, ...], sessions: int, seed: int = 0) -> LiveRows:
    """Rows whose score knows as much of the outcome; one figure for each equal part of them."""
    random = np.random.default_rng(seed)
    count = sessions * BARS * SYMBOLS
    session = np.repeat(np.datetime64("2026-03-02") + np.arange(sessions), BARS * SYMBOLS)
    parts = np.array_split(np.arange(count), len(ic) if isinstance(ic, tuple) else 1)
    true = np.concatenate(
        [np.full(len(p), v) for p, v in zip(parts, np.atleast_1d(ic), strict=True)]
    )
    score = random.normal(size=count)
    outcome = true * score + np.sqrt(1 - true**2) * random.normal(size=count)
    cuts = [-1.2, -0.5, 0.5, 1.2]
    return LiveRows(
        session=session,
        version=np.ones(count, np.int64),
        closes_at=session.astype("datetime64[us]"),
        symbol=np.tile(np.arange(SYMBOLS), sessions * BARS),
        expected_score=score,
        outcome=outcome,
        action=np.searchsorted(cuts, score),
        actual=np.searchsorted(cuts, outcome),
        features=np.zeros((count, 1), np.float32),
    )


def test_a_champion_that_lost_its_skill_fails_at_the_first_session_that_may_judge() -> None:
    rows = live(0.0, 20)
    verdict = RULE.judge(rows, credited=0.15)
    assert verdict.failed
    assert "all below the 0.1500" in verdict.reason
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.rank_ic is not None
    assert verdict.low < verdict.rank_ic < verdict.high
    few = RULE.judge(rows.take(rows.session < rows.session[-1]), credited=0.15)
    assert not few.failed
    assert "19 sessions: too few to judge" in few.reason


@given(seed=st.integers(0, 10_000), sessions=st.integers(0, 70))
def test_a_champion_as_good_as_judged_does_not_fail(seed: int, sessions: int) -> None:
    judged = 0.17
    bound = credit(judged, SYMBOLS)
    assert not RULE.judge(live(judged, sessions, seed), bound).failed


@pytest.mark.parametrize("ic", [(0.3, 0.0), (0.0, 0.3)])
def test_one_bad_stretch_is_not_enough(ic: tuple[float, float]) -> None:
    assert not RULE.judge(live(ic, 40), credited=0.2).failed
    assert RULE.judge(live((0.0, 0.0), 40), credited=0.2).failed


@given(
    seed=st.integers(0, 100),
    ic=st.floats(-0.2, 0.3),
    low=st.floats(-0.2, 0.3),
    more=st.floats(0, 0.2),
)
def test_who_was_credited_with_more_fails_sooner(
    seed: int, ic: float, low: float, more: float
) -> None:
    rows = live(ic, 24, seed)
    if RULE.judge(rows, low).failed:
        assert RULE.judge(rows, low + more).failed


@given(seed=st.integers(0, 100))
def test_the_order_of_rows_and_what_is_older_than_the_window_do_not_matter(seed: int) -> None:
    rows = live((0.5, 0.1), 2 * 24, seed)
    rule = LiveSkill(window=24, resamples=200)
    newest = rows.take(rows.session >= rows.session[len(rows) // 2])
    mixed = np.random.default_rng(seed).permutation(len(rows))
    one, two = rule.judge(newest, 0.2), rule.judge(rows.take(mixed), 0.2)
    assert one.failed == two.failed
    assert one.sessions == two.sessions == 24
    assert one.rank_ic == pytest.approx(two.rank_ic)
    assert one.high == pytest.approx(two.high)


def test_what_cannot_be_judged_is_said_and_fails_no_one() -> None:
    rows = live(0.0, 30)
    same = LiveRows(**{**vars(rows), "expected_score": np.zeros(len(rows))})
    lost = LiveRows(**{**vars(rows), "outcome": np.full(len(rows), np.nan)})
    cases = [
        (rows, None, "gave no bound"),
        (rows.take(np.zeros(len(rows), bool)), 0.1, "no live prediction"),
        (lost, 0.1, "no live prediction"),
        (same, 0.1, "the expected score is the same in all live rows"),
        (rows.take(np.array([0])), 0.1, "too few"),
    ]
    for given_rows, bound, said in cases:
        verdict = RULE.judge(given_rows, bound)
        assert not verdict.failed
        assert said in verdict.reason


def test_the_figures_that_the_rule_is_chosen_by() -> None:
    """Under 2 % false alarms in a year even of one that is only as good as its lower bound."""
    rule = LiveSkill()
    bound = credit(0.17, 30)
    assert np.mean(rolled_back(bound, bound, 30, 2000, rule) < NEVER) < 0.02
    assert np.mean(rolled_back(0.17, bound, 30, 2000, rule) < NEVER) == 0
    assert np.median(rolled_back(0.0, bound, 30, 200, rule)) == rule.least
    assert np.median(rolled_back(0.0, credit(0.05, 100), 100, 200, rule)) < 30


def test_a_rule_that_cannot_hold_is_refused() -> None:
    for wrong in ({"least": 9}, {"window": 19}, {"looks": 0}):
        with pytest.raises(InvalidRequest):
            LiveSkill(**wrong)  # type: ignore[arg-type]


def test_the_bound_is_read_from_the_gates() -> None:
    gates = [{"gate": "drift", "low": 0.9}, {"gate": "skill_direction", "low": 0.12}]
    assert credited(json.dumps(gates)) == 0.12
    assert credited(json.dumps(gates[:1])) is None
    assert credited(json.dumps([{"gate": "skill_direction", "low": None}])) is None


def test_the_figures_of_what_was_published() -> None:
    rows = live(0.0, 1).take(np.arange(4))
    told = LiveRows(
        **{
            **vars(rows),
            "action": np.array([4, 0, 2, 3]),
            "actual": np.array([4, 2, 2, 1]),
            "outcome": np.array([2.0, 0.1, 0.0, -0.5]),
        }
    )
    found = figures(told, 5)
    assert (found["rows"], found["sessions"]) == (4, 1)
    assert found["accuracy"] == 0.5
    assert found["hit_rate"] == pytest.approx(1 / 3), "hold takes no side"
    assert figures(told.take(np.array([], int)), 5)["macro_f1"] is None
