"""Values: a planted return passes; noise, constants and wrong intervals do not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.gates import (
    VALUE_GATES,
    BeyondMean,
    Coverage,
    Evidence,
    NoWorseThanChampion,
    ValuesNoWorseThanChampion,
    judge_all,
)
from pipelines.gates.evidence import check_values
from pipelines.labels import NextReturn
from pipelines.modeling.candidates import Mean, Ridge, fit_regressor
from pipelines.modeling.kinds.value import Value
from tests.modeling.daily_rows import SIZE, daily_rows

LABEL = NextReturn()
TRAINING, SELECTION, JUDGING = 1500, 400, 600


def build_evidence(
    seed: int = 0, ic: float = 0.3, candidate: Any = None, **changes: Any
) -> Evidence:
    """Fit and calibrate ridge as a training does, for rows that come after."""
    rows = daily_rows(TRAINING + SELECTION + JUDGING, ic=ic, seed=seed)
    cuts = np.cumsum([0, TRAINING, SELECTION, JUDGING])
    training, selection, judging = (
        rows.take(np.arange(first, last)) for first, last in pairwise(cuts)
    )
    kind = Value()
    fitted = kind.fit(candidate or Ridge(), training.features, training.outcome, LABEL, 0)
    model = kind.calibrate(fitted, (), selection, selection.outcome).model
    outputs, predictions = model.score(judging.features)
    fits = [
        kind.measure_fit(part.outcome, model.score(part.features)[1], LABEL)
        for part in (training, selection)
    ]
    evidence = Evidence(
        judging=judging,
        truth=judging.outcome,
        outputs=outputs,
        scores=(),
        training=training,
        training_truth=training.outcome,
        feature_names=("return", "size", "c", "d", "e"),
        training_fit=fits[0],
        selection_fit=fits[1],
        onnx=b"x" * 1000,
        parity=1e-9,
        training_seconds=10.0,
        latency_seconds=0.001,
        predictions=predictions,
        seed=seed,
    )
    return replace(evidence, **changes)


def test_a_planted_return_passes_every_gate() -> None:
    decision = judge_all(VALUE_GATES, build_evidence())
    assert decision.promote, decision.reason
    assert all(v.passed for v in decision.verdicts), decision.reason
    skill = decision.verdicts[0]
    assert skill.low is not None
    assert skill.high is not None
    assert 0 < skill.low < skill.value < skill.high
    assert skill.value == pytest.approx(0.09, abs=0.05)


def test_noise_hardly_ever_passes() -> None:
    gate = BeyondMean(resamples=500)
    passed = [gate.judge(build_evidence(seed, ic=0.0)).passed for seed in range(20)]
    assert sum(passed) <= 1


def test_the_value_is_against_the_mean_of_training_rows() -> None:
    evidence = build_evidence()
    verdict = BeyondMean().judge(evidence)
    errors = [
        np.mean((evidence.truth - predictions) ** 2)
        for predictions in (evidence.predictions, evidence.training_truth.mean())
    ]
    assert verdict.value == pytest.approx(1 - errors[0] / errors[1])
    moved = replace(evidence, training_truth=evidence.training_truth + SIZE)
    assert BeyondMean().judge(moved).value > verdict.value + 0.3


def test_a_constant_prediction_is_no_skill_even_where_it_is_right() -> None:
    """The market rises as it never did in training, and a constant predicts it."""
    mean = build_evidence(candidate=Mean())
    assert "the same for every row" in BeyondMean().judge(mean).reason
    rising = replace(
        mean, truth=mean.truth + SIZE, outputs=np.tile([SIZE, 0.0, 2 * SIZE], (JUDGING, 1))
    )
    assert not BeyondMean().judge(rising).passed


def test_whole_sessions_are_drawn() -> None:
    """A hundred copies of a row are no more evidence than one."""
    single = build_evidence()
    copies = np.repeat(np.arange(JUDGING), 100)
    many = replace(
        single,
        judging=single.judging.take(copies),
        truth=single.truth[copies],
        outputs=single.outputs[copies],
    )
    for gate in (BeyondMean(), Coverage()):
        expected, verdict = gate.judge(single), gate.judge(many)
        assert verdict.value == pytest.approx(expected.value)
        if expected.low is not None:
            assert verdict.low == pytest.approx(expected.low)


def test_a_challenger_is_compared_with_the_champion_on_the_same_rows() -> None:
    good, mean, gate = (
        build_evidence(),
        build_evidence(candidate=Mean()),
        ValuesNoWorseThanChampion(),
    )
    assert gate.name == NoWorseThanChampion.name
    assert gate.judge(good).passed
    assert "no champion" in gate.judge(good).reason
    better = gate.judge(replace(good, champion=mean.outputs))
    assert better.passed
    assert better.value > 0.05
    worse = gate.judge(replace(mean, champion=good.outputs))
    assert not worse.passed
    assert (
        ValuesNoWorseThanChampion(tolerance=1.0).judge(replace(mean, champion=good.outputs)).passed
    )
    same = gate.judge(replace(good, champion=good.outputs))
    assert same.passed
    assert same.value == 0
    none = gate.judge(replace(good, champion=np.full_like(good.outputs, np.nan)))
    assert none.passed
    assert "knows none of the symbols" in none.reason


def test_rows_the_champion_does_not_know_do_not_count() -> None:
    good, mean = build_evidence(), build_evidence(candidate=Mean())
    half = good.outputs.copy()
    half[: JUDGING // 2] = np.nan
    verdict = ValuesNoWorseThanChampion().judge(replace(mean, champion=half))
    newer = slice(JUDGING // 2, None)
    errors = [
        np.mean((mean.truth[newer] - outputs[newer, 0]) ** 2)
        for outputs in (mean.outputs, good.outputs)
    ]
    assert verdict.value == pytest.approx(1 - errors[0] / errors[1])


@pytest.mark.parametrize(("times", "passed"), [(0.5, False), (1.0, True), (2.0, False)])
def test_an_interval_that_is_too_narrow_or_too_wide_is_refused(times: float, passed: bool) -> None:
    evidence = build_evidence()
    value = evidence.outputs[:, :1]
    outputs = value + times * (evidence.outputs - value)
    verdict = Coverage().judge(replace(evidence, outputs=outputs))
    assert verdict.passed is passed
    assert verdict.blocking
    coverage = np.mean((outputs[:, 1] <= evidence.truth) & (evidence.truth <= outputs[:, 2]))
    assert f"holds {coverage:.1%} " in verdict.reason
    assert verdict.value == pytest.approx(abs(coverage - 0.8))


@pytest.mark.parametrize(
    "change",
    [
        lambda outputs: outputs[:, :2],
        lambda outputs: outputs[:-1],
        lambda outputs: np.where(np.arange(len(outputs))[:, None] == 3, np.nan, outputs),
        lambda outputs: outputs[:, [0, 2, 1]],
        lambda outputs: outputs[:, [1, 0, 2]],
    ],
    ids=["columns", "rows", "missing", "turned", "outside"],
)
def test_values_that_cannot_be_judged_have_failed(change: Any) -> None:
    evidence = build_evidence()
    broken = replace(evidence, outputs=change(evidence.outputs))
    with pytest.raises(InvalidRequest):
        check_values(broken.outputs, broken, "the model")
    gates = (BeyondMean(), Coverage(), ValuesNoWorseThanChampion())
    verdicts = judge_all(gates, broken).verdicts
    assert not any(v.passed for v in verdicts)
    assert all("could not be computed" in v.reason for v in verdicts)


def test_outcomes_that_are_not_known_and_too_few_sessions_have_failed() -> None:
    evidence = build_evidence()
    unknown = evidence.truth.copy()
    unknown[0] = np.nan
    few = np.arange(9)
    for broken in (
        replace(evidence, truth=unknown),
        replace(
            evidence,
            judging=evidence.judging.take(few),
            truth=evidence.truth[few],
            outputs=evidence.outputs[few],
        ),
    ):
        decision = judge_all([BeyondMean(), Coverage()], broken)
        assert not any(v.passed for v in decision.verdicts)


def test_the_kind_fits_as_fit_regressor() -> None:
    rows = daily_rows(200)
    of_kind = Value().fit(Ridge(), rows.features, rows.outcome, LABEL, 0).values(rows.features)
    expected = fit_regressor(Ridge(), rows.features, rows.outcome, 0).values(rows.features)
    np.testing.assert_array_equal(of_kind, expected)
