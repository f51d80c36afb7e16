"""Classes that last: to say what came last, or what is frequent, is no skill; to foresee is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from pipelines.gates import (
    RISK_GATES,
    BeyondFrequent,
    BeyondPersistence,
    Calibration,
    Evidence,
    judge_all,
)
from pipelines.gates.baselines import previous_row
from pipelines.modeling.dataset import Rows
from pipelines.modeling.metrics import calibration_error
from tests.modeling.daily_rows import daily_rows

TRAINING, JUDGING = 3000, 600
SHOCK = 0.5
DAY = np.timedelta64(24, "h")
BASELINES = (BeyondFrequent(), BeyondPersistence())


def evidence(seed: int = 0, keeps: float = 0.95, **changes: Any) -> Evidence:
    """A market whose risk lasts, and a model that knows all that can be known of it.

    The risk of a bar is a slow state and a shock of its own; the model knows the state.
    """
    random = np.random.default_rng(seed)
    rows = daily_rows(TRAINING + JUDGING, seed=seed)
    state = np.empty(len(rows))
    state[0] = random.standard_normal()
    for place in range(1, len(rows)):
        state[place] = keeps * state[place - 1] + np.sqrt(1 - keeps**2) * random.standard_normal()
    risk = state + random.normal(0, SHOCK, len(rows))
    cuts = np.quantile(risk[:TRAINING], [1 / 3, 2 / 3])
    truth = np.searchsorted(cuts, risk)
    draws = np.searchsorted(cuts, state[:, None] + random.normal(0, SHOCK, 400))
    outputs = np.stack([(draws == one).mean(axis=1) for one in range(3)], axis=1)
    rows = replace(rows, outcome=risk)
    older, newer = np.arange(TRAINING), np.arange(TRAINING, len(rows))
    made = Evidence(
        judging=rows.take(newer),
        truth=truth[newer],
        outputs=outputs[newer],
        scores=(0.0, 1.0, 2.0),
        training=rows.take(older),
        training_truth=truth[older],
        feature_names=("a", "b", "c", "d", "e"),
        training_fit=0.7,
        selection_fit=0.6,
        onnx=b"x" * 1000,
        parity=1e-7,
        training_seconds=10.0,
        latency_seconds=0.001,
        predictions=outputs[newer].argmax(axis=1),
        seed=seed,
    )
    return replace(made, **changes)


def saying(made: Evidence, classes: np.ndarray) -> Evidence:
    return replace(made, predictions=classes, outputs=0.1 + 0.7 * np.eye(3)[classes])


def persistent(made: Evidence) -> np.ndarray:
    before = previous_row(made)
    return np.where(before >= 0, made.truth[before], 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_knows_the_state_passes_both(seed: int) -> None:
    decision = judge_all(BASELINES, evidence(seed))
    assert decision.promote, decision.reason
    for verdict in decision.verdicts:
        assert verdict.low is not None
        assert verdict.high is not None
        assert 0 < verdict.low < verdict.value < verdict.high


def test_the_gates_of_risk_are_passed_by_an_honest_model() -> None:
    decision = judge_all(RISK_GATES, evidence(1))
    assert decision.promote, decision.reason


@pytest.mark.parametrize("seed", range(3))
def test_to_repeat_what_came_last_beats_the_frequent_class_and_is_refused(seed: int) -> None:
    made = evidence(seed)
    repeats = saying(made, persistent(made))
    assert BeyondFrequent().judge(repeats).passed
    verdict = BeyondPersistence().judge(repeats)
    assert not verdict.passed
    assert verdict.value == 0


def test_to_repeat_it_but_for_some_rows_by_chance_is_refused() -> None:
    passed = 0
    for seed in range(20):
        made, random = evidence(seed), np.random.default_rng(seed)
        other = np.where(random.random(JUDGING) < 0.3, random.integers(0, 3, JUDGING), -1)
        called = np.where(other < 0, persistent(made), other)
        passed += BeyondPersistence().judge(saying(made, called)).passed
    assert passed == 0


def test_the_frequent_class_and_guesses_are_refused() -> None:
    for seed in range(5):
        made, random = evidence(seed), np.random.default_rng(seed)
        frequent = np.bincount(made.training_truth).argmax()
        for predictions in (np.full(JUDGING, frequent), random.integers(0, 3, JUDGING)):
            guessed = saying(made, predictions)
            assert not judge_all(BASELINES, guessed).promote
            assert not BeyondPersistence().judge(guessed).passed
        assert not BeyondFrequent().judge(saying(made, np.full(JUDGING, frequent))).passed


def test_a_little_more_than_a_baseline_is_not_enough() -> None:
    """Four rows of 600 told right that the baseline has wrong may be luck."""
    made = evidence()
    usual = np.bincount(made.truth).argmax()
    made = replace(made, training_truth=np.full(TRAINING, usual))
    frequent = np.full(JUDGING, usual)
    for gate, baseline in zip(BASELINES, (frequent, persistent(made)), strict=True):
        wrong = np.flatnonzero(baseline != made.truth)
        better = baseline.copy()
        better[wrong[:: len(wrong) // 4][:4]] = made.truth[wrong[:: len(wrong) // 4][:4]]
        verdict = gate.judge(saying(made, better))
        assert verdict.value > 0
        assert not verdict.passed


def test_runs_of_sessions_that_are_alike_count_once() -> None:
    made = evidence()
    which = np.repeat(np.arange(0, JUDGING, 5), 5)
    alike = replace(made, truth=made.truth[which], outputs=made.outputs[which], predictions=None)
    every = np.arange(0, JUDGING, 5)
    once = replace(
        made,
        judging=made.judging.take(every),
        truth=made.truth[every],
        outputs=made.outputs[every],
        predictions=None,
    )
    ours, theirs = BeyondFrequent(run=1).judge(once), BeyondFrequent().judge(alike)
    assert theirs.value == pytest.approx(ours.value)
    assert theirs.low == pytest.approx(ours.low)


def test_accuracy_decides_beside_the_frequent_class_and_not_macro_f1() -> None:
    """Nine rows of ten are low: false alarms find the others, and are wrong about most rows."""
    made, random = evidence(), np.random.default_rng(0)
    learned = random.choice(3, TRAINING, p=(0.9, 0.05, 0.05))
    truth = random.choice(3, JUDGING, p=(0.9, 0.05, 0.05))
    alarms = np.where(truth > 0, truth, random.choice(3, JUDGING, p=(0.5, 0.25, 0.25)))
    alarming = saying(replace(made, truth=truth, training_truth=learned), alarms)
    verdict = BeyondFrequent().judge(alarming)
    assert not verdict.passed
    assert verdict.value == pytest.approx(np.mean(alarms == truth) - np.mean(truth == 0))
    ours, theirs = (
        f1_score(truth, one, average="macro", zero_division=0)
        for one in (alarms, np.zeros_like(truth))
    )
    assert ours > theirs + 0.05
    assert f"macro F1 {ours:.4f} beside {theirs:.4f}: +" in verdict.reason


def test_where_the_frequent_class_became_rare_draws_are_the_baseline() -> None:
    made, random = evidence(), np.random.default_rng(0)
    learned = np.array([0, 0, 1, 2])[np.arange(TRAINING) % 4]
    turned = replace(made, truth=np.full(JUDGING, 2), training_truth=learned)
    guesses = saying(turned, random.integers(0, 3, JUDGING))
    verdict = BeyondFrequent().judge(guesses)
    assert "(draws)" in verdict.reason
    assert verdict.value == pytest.approx(np.mean(guesses.predictions == 2) - 1 / 4)


def test_the_reason_tells_both_figures() -> None:
    for verdict in judge_all(BASELINES, evidence()).verdicts:
        assert "accuracy 0." in verdict.reason
        assert "macro F1 0." in verdict.reason
        assert verdict.reason.count("(from ") == 2


def rows_of(symbols: list[int], closes: list[int], known: list[int]) -> Rows:
    """Bars by the day they closed on, and the day their outcome was known on."""
    day = np.datetime64("2026-01-01T21:00:00", "us")
    closes_at, known_at = (day + np.array(one) * DAY for one in (closes, known))
    features = np.zeros((len(symbols), 2), np.float32)
    session, nothing = closes_at.astype("datetime64[D]"), np.zeros(len(symbols), np.int64)
    return Rows(
        features, nothing.astype(float), np.array(symbols), closes_at, known_at, session, nothing
    )


@pytest.mark.parametrize(
    ("symbols", "closes", "known", "before"),
    [
        ([0, 0, 0], [0, 1, 2], [1, 2, 3], [-1, 0, 1]),
        ([0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 2, 2], [-1, -1, 0, 1]),
        ([0, 0, 0, 0], [0, 1, 2, 3], [2, 3, 4, 5], [-1, -1, 0, 1]),
        ([0, 0, 0], [0, 1, 5], [1, 2, 6], [-1, 0, 1]),
        ([0, 0], [0, 1], [3, 4], [-1, -1]),
        ([0, 0, 0], [2, 0, 1], [3, 1, 2], [2, -1, 1]),
    ],
    ids=["next", "two symbols", "two bars", "a gap", "not known yet", "out of order"],
)
def test_what_came_last_was_known_by_the_close_and_is_the_same_symbols(
    symbols: list[int], closes: list[int], known: list[int], before: list[int]
) -> None:
    made = replace(evidence(), judging=rows_of(symbols, closes, known))
    assert previous_row(made).tolist() == before


def test_rows_without_one_before_them_are_left_out() -> None:
    made = evidence()
    verdict = BeyondPersistence().judge(made)
    assert f"{JUDGING - 1} of {JUDGING} rows have one before them" in verdict.reason
    never = replace(made.judging, known_at=made.judging.closes_at + 10_000 * DAY)
    decision = judge_all([BeyondPersistence()], replace(made, judging=never))
    assert not decision.verdicts[0].passed
    assert "could not be computed" in decision.reason


def test_runs_of_sessions_need_enough_of_them() -> None:
    made = evidence()
    few = np.arange(49)
    some = replace(
        made,
        judging=made.judging.take(few),
        truth=made.truth[few],
        outputs=made.outputs[few],
        predictions=None,
    )
    for gate in BASELINES:
        verdict = judge_all([gate], some).verdicts[0]
        assert not verdict.passed
        assert "49 sessions are too few" in verdict.reason or "48 sessions are" in verdict.reason


def test_the_limit_of_calibration_lets_honest_models_through() -> None:
    """On 200 rows, the fewest that one bin is made of; one that is too sure is refused."""
    limit = next(gate.limit for gate in RISK_GATES if isinstance(gate, Calibration))
    random, errors = np.random.default_rng(0), []
    for _ in range(200):
        outputs = random.dirichlet((2, 2, 2), 200)
        truth = (outputs.cumsum(axis=1) < random.random((200, 1))).sum(axis=1)
        errors.append(calibration_error(truth, outputs))
    assert np.quantile(errors, 0.98) < limit
    outputs = random.dirichlet((2, 2, 2), 600)
    truth = (outputs.cumsum(axis=1) < random.random((600, 1))).sum(axis=1)
    sure = outputs**3 / (outputs**3).sum(axis=1, keepdims=True)
    assert calibration_error(truth, sure) > limit
