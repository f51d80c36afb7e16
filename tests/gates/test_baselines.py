"""Classes that last: repeating the last class or the most frequent class is no skill."""

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


def build_evidence(seed: int = 0, keeps: float = 0.95, **changes: Any) -> Evidence:
    """Simulate a market whose risk lasts, and a model that knows all that can be known of it.

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
    outputs = np.stack([(draws == code).mean(axis=1) for code in range(3)], axis=1)
    rows = replace(rows, outcome=risk)
    older, newer = np.arange(TRAINING), np.arange(TRAINING, len(rows))
    evidence = Evidence(
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
    return replace(evidence, **changes)


def with_predictions(evidence: Evidence, classes: np.ndarray) -> Evidence:
    return replace(evidence, predictions=classes, outputs=0.1 + 0.7 * np.eye(3)[classes])


def previous_classes(evidence: Evidence) -> np.ndarray:
    before = previous_row(evidence)
    return np.where(before >= 0, evidence.truth[before], 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_knows_the_state_passes_both(seed: int) -> None:
    decision = judge_all(BASELINES, build_evidence(seed))
    assert decision.promote, decision.reason
    for verdict in decision.verdicts:
        assert verdict.low is not None
        assert verdict.high is not None
        assert 0 < verdict.low < verdict.value < verdict.high


def test_the_gates_of_risk_are_passed_by_an_honest_model() -> None:
    decision = judge_all(RISK_GATES, build_evidence(1))
    assert decision.promote, decision.reason


@pytest.mark.parametrize("seed", range(3))
def test_repeating_the_last_class_beats_the_frequent_class_and_is_refused(seed: int) -> None:
    evidence = build_evidence(seed)
    repeats = with_predictions(evidence, previous_classes(evidence))
    assert BeyondFrequent().judge(repeats).passed
    verdict = BeyondPersistence().judge(repeats)
    assert not verdict.passed
    assert verdict.value == 0


def test_repeating_the_last_class_with_some_guesses_is_refused() -> None:
    passed = 0
    for seed in range(20):
        evidence, random = build_evidence(seed), np.random.default_rng(seed)
        guesses = np.where(random.random(JUDGING) < 0.3, random.integers(0, 3, JUDGING), -1)
        predictions = np.where(guesses < 0, previous_classes(evidence), guesses)
        passed += BeyondPersistence().judge(with_predictions(evidence, predictions)).passed
    assert passed == 0


def test_the_frequent_class_and_guesses_are_refused() -> None:
    for seed in range(5):
        evidence, random = build_evidence(seed), np.random.default_rng(seed)
        frequent = np.bincount(evidence.training_truth).argmax()
        for predictions in (np.full(JUDGING, frequent), random.integers(0, 3, JUDGING)):
            guessed = with_predictions(evidence, predictions)
            assert not judge_all(BASELINES, guessed).promote
            assert not BeyondPersistence().judge(guessed).passed
        assert (
            not BeyondFrequent()
            .judge(with_predictions(evidence, np.full(JUDGING, frequent)))
            .passed
        )


def test_a_little_more_than_a_baseline_is_not_enough() -> None:
    """Four more correct rows of 600 than the baseline has may be luck."""
    evidence = build_evidence()
    frequent_class = np.bincount(evidence.truth).argmax()
    evidence = replace(evidence, training_truth=np.full(TRAINING, frequent_class))
    frequent = np.full(JUDGING, frequent_class)
    for gate, baseline in zip(BASELINES, (frequent, previous_classes(evidence)), strict=True):
        errors = np.flatnonzero(baseline != evidence.truth)
        better = baseline.copy()
        better[errors[:: len(errors) // 4][:4]] = evidence.truth[errors[:: len(errors) // 4][:4]]
        verdict = gate.judge(with_predictions(evidence, better))
        assert verdict.value > 0
        assert not verdict.passed


def test_equal_sessions_of_a_run_count_once() -> None:
    evidence = build_evidence()
    places = np.repeat(np.arange(0, JUDGING, 5), 5)
    repeated = replace(
        evidence, truth=evidence.truth[places], outputs=evidence.outputs[places], predictions=None
    )
    one_of_five = np.arange(0, JUDGING, 5)
    single = replace(
        evidence,
        judging=evidence.judging.take(one_of_five),
        truth=evidence.truth[one_of_five],
        outputs=evidence.outputs[one_of_five],
        predictions=None,
    )
    expected, verdict = BeyondFrequent(run=1).judge(single), BeyondFrequent().judge(repeated)
    assert verdict.value == pytest.approx(expected.value)
    assert verdict.low == pytest.approx(expected.low)


def test_accuracy_decides_beside_the_frequent_class_and_not_macro_f1() -> None:
    """Nine rows of ten are low: false alarms find the others, and are wrong about most rows."""
    evidence, random = build_evidence(), np.random.default_rng(0)
    training_truth = random.choice(3, TRAINING, p=(0.9, 0.05, 0.05))
    truth = random.choice(3, JUDGING, p=(0.9, 0.05, 0.05))
    alarms = np.where(truth > 0, truth, random.choice(3, JUDGING, p=(0.5, 0.25, 0.25)))
    alarming = with_predictions(
        replace(evidence, truth=truth, training_truth=training_truth), alarms
    )
    verdict = BeyondFrequent().judge(alarming)
    assert not verdict.passed
    assert verdict.value == pytest.approx(np.mean(alarms == truth) - np.mean(truth == 0))
    f1, baseline_f1 = (
        f1_score(truth, predictions, average="macro", zero_division=0)
        for predictions in (alarms, np.zeros_like(truth))
    )
    assert f1 > baseline_f1 + 0.05
    assert f"macro F1 {f1:.4f} beside {baseline_f1:.4f}: +" in verdict.reason


def test_where_the_frequent_class_became_rare_draws_are_the_baseline() -> None:
    evidence, random = build_evidence(), np.random.default_rng(0)
    training_truth = np.array([0, 0, 1, 2])[np.arange(TRAINING) % 4]
    changed = replace(evidence, truth=np.full(JUDGING, 2), training_truth=training_truth)
    guesses = with_predictions(changed, random.integers(0, 3, JUDGING))
    verdict = BeyondFrequent().judge(guesses)
    assert "(draws)" in verdict.reason
    assert verdict.value == pytest.approx(np.mean(guesses.predictions == 2) - 1 / 4)


def test_the_reason_has_both_figures() -> None:
    for verdict in judge_all(BASELINES, build_evidence()).verdicts:
        assert "accuracy 0." in verdict.reason
        assert "macro F1 0." in verdict.reason
        assert verdict.reason.count("(from ") == 2


def rows_of(symbols: list[int], closes: list[int], known: list[int]) -> Rows:
    """Build bars by the day of their close and the day their outcome was known."""
    day = np.datetime64("2026-01-01T21:00:00", "us")
    closes_at, known_at = (day + np.array(days) * DAY for days in (closes, known))
    features = np.zeros((len(symbols), 2), np.float32)
    session, zeros = closes_at.astype("datetime64[D]"), np.zeros(len(symbols), np.int64)
    return Rows(
        features, zeros.astype(float), np.array(symbols), closes_at, known_at, session, zeros
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
def test_the_previous_row_is_of_the_same_symbol_and_known_by_the_close(
    symbols: list[int], closes: list[int], known: list[int], before: list[int]
) -> None:
    evidence = replace(build_evidence(), judging=rows_of(symbols, closes, known))
    assert previous_row(evidence).tolist() == before


def test_rows_without_a_previous_row_are_left_out() -> None:
    evidence = build_evidence()
    verdict = BeyondPersistence().judge(evidence)
    assert f"{JUDGING - 1} of {JUDGING} rows have one before them" in verdict.reason
    never = replace(evidence.judging, known_at=evidence.judging.closes_at + 10_000 * DAY)
    decision = judge_all([BeyondPersistence()], replace(evidence, judging=never))
    assert not decision.verdicts[0].passed
    assert "could not be computed" in decision.reason


def test_runs_of_sessions_need_enough_of_them() -> None:
    evidence = build_evidence()
    few = np.arange(49)
    short = replace(
        evidence,
        judging=evidence.judging.take(few),
        truth=evidence.truth[few],
        outputs=evidence.outputs[few],
        predictions=None,
    )
    for gate in BASELINES:
        verdict = judge_all([gate], short).verdicts[0]
        assert not verdict.passed
        assert "49 sessions are too few" in verdict.reason or "48 sessions are" in verdict.reason


def test_the_limit_of_calibration_lets_honest_models_through() -> None:
    """On 200 rows, the fewest of one bin; an overconfident model is refused."""
    limit = next(gate.limit for gate in RISK_GATES if isinstance(gate, Calibration))
    random, errors = np.random.default_rng(0), []
    for _ in range(200):
        outputs = random.dirichlet((2, 2, 2), 200)
        truth = (outputs.cumsum(axis=1) < random.random((200, 1))).sum(axis=1)
        errors.append(calibration_error(truth, outputs))
    assert np.quantile(errors, 0.98) < limit
    outputs = random.dirichlet((2, 2, 2), 600)
    truth = (outputs.cumsum(axis=1) < random.random((600, 1))).sum(axis=1)
    overconfident = outputs**3 / (outputs**3).sum(axis=1, keepdims=True)
    assert calibration_error(truth, overconfident) > limit
