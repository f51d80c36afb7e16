"""Live skill: a champion fails when its skill is gone, and rarely otherwise."""

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
from pipelines.monitoring.live_rows import LiveRows, ReferenceRows
from pipelines.monitoring.live_skill import Credit, LiveSkill, LiveVerdict, find_credit
from tests.monitoring.simulation import NEVER, credit, simulate_rollbacks

RULE = LiveSkill()
GATE = DirectionSkill(resamples=200)
SCORES = (-2.0, -1.0, 0.0, 1.0, 2.0)
BARS, SYMBOLS = 7, 20


def simulate(ic: float | tuple[float, ...], sessions: int, seed: int = 0) -> LiveRows:
    """Rows whose score has this correlation with the outcome; one figure for each equal part."""
    random = np.random.default_rng(seed)
    count = sessions * BARS * SYMBOLS
    session = np.repeat(np.datetime64("2026-03-02") + np.arange(sessions), BARS * SYMBOLS)
    parts = np.array_split(np.arange(count), len(ic) if isinstance(ic, tuple) else 1)
    true = np.concatenate(
        [np.full(len(p), v) for p, v in zip(parts, np.atleast_1d(ic), strict=True)]
    )
    score = random.normal(size=count)
    outcome = true * score + np.sqrt(1 - true**2) * random.normal(size=count)
    return build_live_rows(session, score, outcome)


def build_live_rows(session: np.ndarray, score: np.ndarray, outcome: np.ndarray) -> LiveRows:
    """Rows of five actions, with probabilities whose expected score is `score`."""
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


def judge(
    live: LiveRows, low: float | None, rule: LiveSkill = RULE, gate: object = GATE
) -> LiveVerdict:
    empty = live.take(np.zeros(len(live), bool))
    reference = ReferenceRows(empty.rows, empty.truth, ("first",), SCORES)
    credit = None if low is None else Credit(gate, low)  # type: ignore[arg-type]
    return rule.judge(live, credit, reference.build_evidence)


def test_a_champion_without_skill_fails_at_the_first_session_with_a_verdict() -> None:
    rows = simulate(0.0, 20)
    verdict = judge(rows, 0.15)
    assert verdict.failed
    assert "all below the 0.1500" in verdict.reason
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.skill is not None
    assert verdict.low < verdict.skill < verdict.high
    few = judge(rows.of_days(rows.session_days[:-1]), 0.15)
    assert not few.failed
    assert "19 sessions: too few to judge" in few.reason


@given(seed=st.integers(0, 10_000), sessions=st.integers(0, 70))
def test_a_champion_as_good_as_judged_does_not_fail(seed: int, sessions: int) -> None:
    bound = credit(0.17, SYMBOLS)
    assert not judge(simulate(0.17, sessions, seed), bound).failed


@pytest.mark.parametrize("ic", [(0.3, 0.0), (0.0, 0.3)])
def test_one_bad_stretch_is_not_enough(ic: tuple[float, float]) -> None:
    assert not judge(simulate(ic, 40), 0.2).failed
    assert judge(simulate((0.0, 0.0), 40), 0.2).failed


@given(
    seed=st.integers(0, 100),
    ic=st.floats(-0.2, 0.3),
    low=st.floats(-0.2, 0.3),
    more=st.floats(0, 0.2),
)
def test_a_champion_credited_with_more_fails_sooner(
    seed: int, ic: float, low: float, more: float
) -> None:
    rows = simulate(ic, 24, seed)
    if judge(rows, low).failed:
        assert judge(rows, low + more).failed


@given(seed=st.integers(0, 100))
def test_neither_the_order_of_rows_nor_rows_before_the_window_matter(seed: int) -> None:
    rows = simulate((0.5, 0.1), 2 * 24, seed)
    rule = LiveSkill(window=24)
    mixed = np.random.default_rng(seed).permutation(len(rows))
    newest, whole = judge(rows.newest(24), 0.2, rule), judge(rows.take(mixed), 0.2, rule)
    assert newest.failed == whole.failed
    assert newest.sessions == whole.sessions == 24
    assert newest.skill == pytest.approx(whole.skill)
    assert newest.high == pytest.approx(whole.high)


def test_rows_that_cannot_be_judged_fail_no_champion() -> None:
    rows = simulate(0.0, 30)
    outcome = rows.rows.outcome
    constant = build_live_rows(rows.rows.session, np.zeros(len(rows)), outcome)
    unmoved = build_live_rows(rows.rows.session, outcome, np.zeros(len(rows)))
    unknown = build_live_rows(rows.rows.session, outcome, np.full(len(rows), np.nan))
    cases = [
        (rows, None, "gave no bound"),
        (rows.take(np.zeros(len(rows), bool)), 0.1, "no live prediction"),
        (unknown, 0.1, "no live prediction"),
        (constant, 0.1, "the prediction is the same in all live rows"),
        (unmoved, 0.1, "the outcome is the same in all live rows"),
        (rows.take(np.array([0])), 0.1, "too few"),
    ]
    for live_rows, bound, message in cases:
        verdict = judge(live_rows, bound)
        assert not verdict.failed
        assert message in verdict.reason


def test_a_gate_that_cannot_be_computed_fails_no_champion() -> None:
    class Broken(DirectionSkill):
        def judge(self, evidence: object) -> GateVerdict:
            raise ZeroDivisionError("of its own")

    verdict = judge(simulate(0.0, 30), 0.1, gate=Broken())
    assert not verdict.failed
    assert (verdict.skill, verdict.low, verdict.high) == (None, None, None)
    assert "no bound in a stretch of them: could not be computed: ZeroDivision" in verdict.reason


@pytest.mark.parametrize(("ic", "failed"), [(0.5, False), (0.0, True)])
def test_values_are_judged_by_the_squared_error(ic: float, failed: bool) -> None:
    rows = simulate(ic, 40)
    value = 0.5 * np.random.default_rng(1).normal(size=len(rows)) if not ic else None
    value = 0.5 * rows.rows.outcome if value is None else value
    outputs = np.stack([value, value - 1, value + 1], axis=1)
    predicted = LiveRows(rows.rows, rows.version, outputs, value, rows.rows.outcome)
    reference = ReferenceRows(rows.rows, rows.rows.outcome, ("first",), ())
    verdict = RULE.judge(
        predicted, Credit(BeyondMean(resamples=200), 0.2), reference.build_evidence
    )
    assert verdict.failed == failed, verdict.reason
    assert verdict.skill == pytest.approx(-0.25 if failed else 0.75, abs=0.03)


def test_runs_of_sessions_are_counted_where_the_gate_resamples_runs() -> None:
    gate = BeyondFrequent(resamples=200)
    assert RULE.sessions_judged(Credit(gate, 0.1)) == 5 * RULE.window
    rows = simulate(0.0, 110)
    reference = ReferenceRows(rows.rows, rows.truth, ("first",), SCORES)
    few = RULE.judge(rows.newest(99), Credit(gate, 0.1), reference.build_evidence)
    assert not few.failed
    assert "99 sessions: too few to judge, it takes 100" in few.reason
    assert RULE.judge(rows, Credit(gate, 0.1), reference.build_evidence).failed


def test_the_rule_has_the_simulated_rates_of_its_description() -> None:
    """Under 2 % false alarms in a year even of one that is only as good as its lower bound."""
    rule = LiveSkill()
    bound = credit(0.17, 30)
    assert np.mean(simulate_rollbacks(bound, bound, 30, 2000, rule) < NEVER) < 0.02
    assert np.mean(simulate_rollbacks(0.17, bound, 30, 2000, rule) < NEVER) == 0
    assert np.median(simulate_rollbacks(0.0, bound, 30, 200, rule)) == rule.least
    assert np.median(simulate_rollbacks(0.0, credit(0.05, 100), 100, 200, rule)) < 30


def test_an_impossible_rule_is_refused() -> None:
    for wrong in ({"least": 9}, {"window": 19}, {"looks": 0}):
        with pytest.raises(InvalidRequest):
            LiveSkill(**wrong)  # type: ignore[arg-type]


def test_the_credit_is_the_bound_of_the_first_gate_that_has_one() -> None:
    verdicts = [{"gate": "drift", "low": None}, {"gate": "skill_direction", "low": 0.12}]
    verdicts += [{"gate": "no_worse_than_champion", "low": -0.3}]
    credit = find_credit(STANDARD, json.dumps(verdicts))
    assert credit is not None
    assert (credit.gate, credit.low) == (STANDARD[0], 0.12)
    assert find_credit((Drift(),), json.dumps(verdicts)) is None, (
        "the gate is not declared any more"
    )
    assert find_credit(STANDARD, json.dumps(verdicts[:1])) is None
    assert find_credit(STANDARD, "[]") is None


@pytest.mark.parametrize("gates", [STANDARD, VALUE_GATES, RISK_GATES])
def test_the_first_gates_that_are_declared_are_of_skill(gates: tuple[object, ...]) -> None:
    assert gates[0].name.startswith("skill_")  # type: ignore[attr-defined]
