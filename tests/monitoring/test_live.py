"""Live skill: a champion is failed when it means it, and not before."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.gates import (
    RISK_GATES,
    STANDARD,
    VALUE_GATES,
    BeyondFrequent,
    BeyondMean,
    DirectionSkill,
    Drift,
    GateVerdict,
)
from pipelines.modeling.dataset import Rows
from pipelines.monitoring.live import Credit, LiveRows, LiveSkill, LiveVerdict, TrainedOn, credited
from tests.monitoring.simulation import NEVER, credit, rolled_back

RULE = LiveSkill()
GATE = DirectionSkill(resamples=200)
SCORES = (-2.0, -1.0, 0.0, 1.0, 2.0)
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
    return said(session, score, outcome)


def said(session: np.ndarray, score: np.ndarray, outcome: np.ndarray) -> LiveRows:
    """Five actions, with the probabilities whose expected score it is."""
    count = len(score)
    at = session.astype("datetime64[us]")
    rows = Rows(
        features=np.zeros((count, 2), np.float32),
        outcome=outcome,
        symbol=np.arange(count) % SYMBOLS,
        closes_at=at,
        known_at=at,
        session=session,
        place=np.zeros(count, np.int64),
    )
    spread = np.maximum(1 - np.abs(np.clip(score, -2, 2)[:, None] - SCORES), 0)
    cuts = [-1.2, -0.5, 0.5, 1.2]
    action, actual = np.searchsorted(cuts, score), np.searchsorted(cuts, outcome)
    return LiveRows(rows, np.ones(count, np.int64), spread, action, actual)


def judged(
    live: LiveRows, low: float | None, rule: LiveSkill = RULE, gate: object = GATE
) -> LiveVerdict:
    nothing = live.take(np.zeros(len(live), bool))
    trained = TrainedOn(nothing.rows, nothing.truth, ("first",), SCORES)
    credit = None if low is None else Credit(gate, low)  # type: ignore[arg-type]
    return rule.judge(live, credit, trained.beside)


def test_a_champion_that_lost_its_skill_fails_at_the_first_session_that_may_judge() -> None:
    rows = live(0.0, 20)
    verdict = judged(rows, 0.15)
    assert verdict.failed
    assert "all below the 0.1500" in verdict.reason
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.skill is not None
    assert verdict.low < verdict.skill < verdict.high
    few = judged(rows.of(rows.days[:-1]), 0.15)
    assert not few.failed
    assert "19 sessions: too few to judge" in few.reason


@given(seed=st.integers(0, 10_000), sessions=st.integers(0, 70))
def test_a_champion_as_good_as_judged_does_not_fail(seed: int, sessions: int) -> None:
    bound = credit(0.17, SYMBOLS)
    assert not judged(live(0.17, sessions, seed), bound).failed


@pytest.mark.parametrize("ic", [(0.3, 0.0), (0.0, 0.3)])
def test_one_bad_stretch_is_not_enough(ic: tuple[float, float]) -> None:
    assert not judged(live(ic, 40), 0.2).failed
    assert judged(live((0.0, 0.0), 40), 0.2).failed


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
    if judged(rows, low).failed:
        assert judged(rows, low + more).failed


@given(seed=st.integers(0, 100))
def test_the_order_of_rows_and_what_is_older_than_the_window_do_not_matter(seed: int) -> None:
    rows = live((0.5, 0.1), 2 * 24, seed)
    rule = LiveSkill(window=24)
    mixed = np.random.default_rng(seed).permutation(len(rows))
    one, two = judged(rows.newest(24), 0.2, rule), judged(rows.take(mixed), 0.2, rule)
    assert one.failed == two.failed
    assert one.sessions == two.sessions == 24
    assert one.skill == pytest.approx(two.skill)
    assert one.high == pytest.approx(two.high)


def test_what_cannot_be_judged_is_said_and_fails_no_one() -> None:
    rows = live(0.0, 30)
    outcome = rows.rows.outcome
    same = said(rows.rows.session, np.zeros(len(rows)), outcome)
    dead = said(rows.rows.session, outcome, np.zeros(len(rows)))
    lost = said(rows.rows.session, outcome, np.full(len(rows), np.nan))
    cases = [
        (rows, None, "gave no bound"),
        (rows.take(np.zeros(len(rows), bool)), 0.1, "no live prediction"),
        (lost, 0.1, "no live prediction"),
        (same, 0.1, "the prediction is the same in all live rows"),
        (dead, 0.1, "the outcome is the same in all live rows"),
        (rows.take(np.array([0])), 0.1, "too few"),
    ]
    for given_rows, bound, words in cases:
        verdict = judged(given_rows, bound)
        assert not verdict.failed
        assert words in verdict.reason


def test_a_gate_that_cannot_be_computed_fails_no_one() -> None:
    class Broken(DirectionSkill):
        def judge(self, evidence: object) -> GateVerdict:
            raise ZeroDivisionError("of its own")

    verdict = judged(live(0.0, 30), 0.1, gate=Broken())
    assert not verdict.failed
    assert (verdict.skill, verdict.low, verdict.high) == (None, None, None)
    assert "no bound in a stretch of them: could not be computed: ZeroDivision" in verdict.reason


@pytest.mark.parametrize(("ic", "failed"), [(0.5, False), (0.0, True)])
def test_values_are_judged_by_the_squared_error_that_is_gone(ic: float, failed: bool) -> None:
    of = live(ic, 40)
    value = 0.5 * np.random.default_rng(1).normal(size=len(of)) if not ic else None
    value = 0.5 * of.rows.outcome if value is None else value
    given = np.stack([value, value - 1, value + 1], axis=1)
    told = LiveRows(of.rows, of.version, given, value, of.rows.outcome)
    trained = TrainedOn(of.rows, of.rows.outcome, ("first",), ())
    verdict = RULE.judge(told, Credit(BeyondMean(resamples=200), 0.2), trained.beside)
    assert verdict.failed == failed, verdict.reason
    assert verdict.skill == pytest.approx(-0.25 if failed else 0.75, abs=0.03)


def test_where_a_gate_draws_runs_of_sessions_these_are_counted() -> None:
    gate = BeyondFrequent(resamples=200)
    assert RULE.reach(Credit(gate, 0.1)) == 5 * RULE.window
    of = live(0.0, 110)
    trained = TrainedOn(of.rows, of.truth, ("first",), SCORES)
    few = RULE.judge(of.newest(99), Credit(gate, 0.1), trained.beside)
    assert not few.failed
    assert "99 sessions: too few to judge, it takes 100" in few.reason
    assert RULE.judge(of, Credit(gate, 0.1), trained.beside).failed


def test_the_newest_sessions_are_so_many_or_hold_so_many_rows() -> None:
    of = live(0.0, 10)
    each = BARS * SYMBOLS
    for sessions, rows, expected in (
        (3, 0, 3),
        (3, 4 * each, 4),
        (3, 4 * each + 1, 5),
        (30, 0, 10),
    ):
        assert of.newest(sessions, rows).days.tolist() == of.days[-expected:].tolist()
    assert len(of.newest(1, 10**9)) == len(of)
    assert len(of.take(np.zeros(len(of), bool)).newest(5, 5)) == 0


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


def test_the_bound_is_that_of_the_first_gate_that_gave_one() -> None:
    told = [{"gate": "drift", "low": None}, {"gate": "skill_direction", "low": 0.12}]
    told += [{"gate": "no_worse_than_champion", "low": -0.3}]
    found = credited(STANDARD, json.dumps(told))
    assert found is not None
    assert (found.gate, found.low) == (STANDARD[0], 0.12)
    assert credited((Drift(),), json.dumps(told)) is None, "a gate that is asked no more"
    assert credited(STANDARD, json.dumps(told[:1])) is None
    assert credited(STANDARD, "[]") is None


@pytest.mark.parametrize("gates", [STANDARD, VALUE_GATES, RISK_GATES])
def test_the_first_gates_that_are_declared_are_of_skill(gates: tuple[object, ...]) -> None:
    assert gates[0].name.startswith("skill_")  # type: ignore[attr-defined]
