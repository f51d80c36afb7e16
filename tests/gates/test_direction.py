"""Two classes: noise does not pass, a known direction does, and figures are scikit-learn's."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from pipelines.core.errors import InvalidRequest
from pipelines.gates import (
    DIRECTION_GATES,
    BeyondChance,
    BeyondFrequent,
    Calibration,
    Drift,
    Evidence,
    GateVerdict,
    InputsSound,
    judge_all,
)
from pipelines.gates.baselines import group_runs
from pipelines.gates.direction import measure_direction
from tests.gates import market
from tests.gates.two_classes import build_evidence
from tests.laws import law

NO_DRIFT = tuple(gate for gate in DIRECTION_GATES if not isinstance(gate, (Drift, InputsSound)))


def judge(evidence: Evidence) -> GateVerdict:
    return BeyondChance().judge(evidence)


@law(20)
@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_figures_are_scikit_learns_and_lie_inside_their_bounds(seed: int, strength: float) -> None:
    evidence = build_evidence(seed, strength, 300)
    figures = measure_direction(evidence, group_runs(evidence, 5, 500, 0.99))
    published = evidence.published_classes
    expected = {
        "roc_auc": roc_auc_score(evidence.truth, evidence.outputs[:, 1]),
        "accuracy": accuracy_score(evidence.truth, published),
        "f1": f1_score(evidence.truth, published),
    }
    for name, value in expected.items():
        figure = getattr(figures, name)
        assert figure.value == pytest.approx(value, abs=1e-9)
        assert figure.low < figure.value < figure.high


def test_bounds_hold_the_true_value_about_as_often_as_they_say() -> None:
    truth = measure_direction_value(build_evidence(1, 0.4, 40_000))
    lows = []
    for seed in range(100):
        evidence = build_evidence(seed, 0.4, 500)
        lows.append(measure_direction(evidence, group_runs(evidence, 5, 300, 0.9)).roc_auc.low)
    assert 82 <= sum(low < truth for low in lows) <= 98


def measure_direction_value(evidence: Evidence) -> float:
    return float(roc_auc_score(evidence.truth, evidence.outputs[:, 1]))


@pytest.mark.parametrize("seed", range(3))
def test_a_known_direction_passes_all_gates(seed: int) -> None:
    decision = judge_all(NO_DRIFT, build_evidence(seed))
    assert decision.promote, decision.reason


def test_noise_passes_at_most_once_in_twenty_markets() -> None:
    assert sum(judge(build_evidence(seed, 0.0)).passed for seed in range(40)) <= 2


def test_a_direction_the_wrong_way_round_is_refused() -> None:
    evidence = build_evidence()
    verdict = judge(replace(evidence, outputs=evidence.outputs[:, ::-1]))
    assert not verdict.passed
    assert verdict.value == pytest.approx(1 - judge(evidence).value)


def test_always_up_ranks_nothing_and_is_not_beyond_itself() -> None:
    evidence = build_evidence()
    rows = len(evidence.judging)
    always = replace(
        evidence,
        outputs=np.tile([0.46, 0.54], (rows, 1)),
        predictions=np.ones(rows, np.int64),
    )
    verdict = judge(always)
    assert (verdict.passed, verdict.value, verdict.limit) == (False, 0.5, 0.5)
    assert "ranks nothing" in verdict.reason
    beyond = BeyondFrequent(confidence=0.8).judge(always)
    assert (beyond.passed, beyond.value) == (False, 0.0)
    assert "always the most frequent class" in beyond.reason


def test_accuracy_must_exceed_that_of_always_up() -> None:
    """A model that ranks well and publishes down too often is worth less than always up."""
    evidence = build_evidence()
    high = evidence.outputs[:, 1] > np.quantile(evidence.outputs[:, 1], 0.8)
    decision = judge_all(NO_DRIFT, replace(evidence, predictions=high.astype(np.int64)))
    failed = {verdict.name for verdict in decision.verdicts if not verdict.passed}
    assert failed == {"skill_beyond_the_frequent"}


def test_its_reason_has_all_figures_with_their_intervals() -> None:
    verdict = judge(build_evidence())
    assert verdict.passed
    assert verdict.low is not None
    assert 0.5 < verdict.low < verdict.value < (verdict.high or 0)
    for name in ("ROC AUC 0.", "accuracy 0.", "F1 of the upper class 0."):
        assert name in verdict.reason
    assert verdict.reason.count("(from ") == 4


def test_its_reason_has_the_auc_of_repeating_the_last_class() -> None:
    """Of a market whose class lasts for weeks it is far above 0.5; drawn by lot it is 0.5."""
    evidence = build_evidence()
    weeks = np.arange(len(evidence.judging)) // 20 % 2
    lasting = judge(replace(evidence, truth=weeks)).reason
    by_lot = judge(evidence).reason
    auc, auc_by_lot = (
        float(re.search(r"repeating the last class has ([0-9.]+)", reason)[1])  # type: ignore[index]
        for reason in (lasting, by_lot)
    )
    assert auc == pytest.approx(roc_auc_score(weeks[1:], weeks[:-1]), abs=0.02)
    assert auc_by_lot == pytest.approx(0.5, abs=0.1)


def test_sessions_that_move_together_are_no_more_evidence() -> None:
    """Each row ten times is ten symbols that are one: the interval stays as wide."""
    evidence = build_evidence(judging=300)
    tenfold = evidence.take(np.repeat(np.arange(300), 10))
    single, repeated = judge(evidence), judge(tenfold)
    assert repeated.low == pytest.approx(single.low, abs=1e-9)


def test_other_than_two_classes_and_too_few_sessions_cannot_pass() -> None:
    with pytest.raises(InvalidRequest, match="5 classes have no single direction"):
        judge(market.build_evidence())
    few = build_evidence(judging=40)
    assert not judge_all([BeyondChance()], few).promote
    one_class = replace(build_evidence(), truth=np.ones(1500, np.int64))
    assert not judge_all([BeyondChance()], one_class).promote


def test_honest_probabilities_pass_the_calibration_of_two_classes() -> None:
    [gate] = [gate for gate in DIRECTION_GATES if isinstance(gate, Calibration)]
    assert sum(gate.judge(build_evidence(seed)).passed for seed in range(40)) >= 39
