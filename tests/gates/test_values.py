"""Values: a planted return passes, noise and constants do not, and intervals are held to it."""

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


def evidence(seed: int = 0, ic: float = 0.3, candidate: Any = None, **changes: Any) -> Evidence:
    """Ridge, as a training would fit and settle it, judged on rows that come after."""
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
    made = Evidence(
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
    return replace(made, **changes)


def test_a_planted_return_passes_every_gate() -> None:
    decision = judge_all(VALUE_GATES, evidence())
    assert decision.promote, decision.reason
    assert all(v.passed for v in decision.verdicts), decision.reason
    skill = decision.verdicts[0]
    assert skill.low is not None
    assert skill.high is not None
    assert 0 < skill.low < skill.value < skill.high
    assert skill.value == pytest.approx(0.09, abs=0.05)


def test_noise_hardly_ever_passes() -> None:
    passed = [BeyondMean().judge(evidence(seed, ic=0.0)).passed for seed in range(20)]
    assert sum(passed) <= 1


def test_the_value_is_against_the_mean_of_training_rows() -> None:
    made = evidence()
    verdict = BeyondMean().judge(made)
    errors = [
        np.mean((made.truth - one) ** 2) for one in (made.predictions, made.training_truth.mean())
    ]
    assert verdict.value == pytest.approx(1 - errors[0] / errors[1])
    moved = replace(made, training_truth=made.training_truth + SIZE)
    assert BeyondMean().judge(moved).value > verdict.value + 0.3


def test_to_say_the_same_of_every_row_is_no_skill_even_where_it_is_right() -> None:
    """The market rises as it never did in training, and a constant says so."""
    mean = evidence(candidate=Mean())
    assert "the same for every row" in BeyondMean().judge(mean).reason
    risen = replace(
        mean, truth=mean.truth + SIZE, outputs=np.tile([SIZE, 0.0, 2 * SIZE], (JUDGING, 1))
    )
    assert not BeyondMean().judge(risen).passed


def test_whole_sessions_are_drawn() -> None:
    """A hundred copies of a row are no more evidence than one."""
    one = evidence()
    copies = np.repeat(np.arange(JUDGING), 100)
    many = replace(
        one, judging=one.judging.take(copies), truth=one.truth[copies], outputs=one.outputs[copies]
    )
    for gate in (BeyondMean(), Coverage()):
        ours, theirs = gate.judge(one), gate.judge(many)
        assert theirs.value == pytest.approx(ours.value)
        if ours.low is not None:
            assert theirs.low == pytest.approx(ours.low)


def test_a_challenger_is_held_against_the_champion_on_the_same_rows() -> None:
    good, mean, gate = evidence(), evidence(candidate=Mean()), ValuesNoWorseThanChampion()
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
    good, mean = evidence(), evidence(candidate=Mean())
    half = good.outputs.copy()
    half[: JUDGING // 2] = np.nan
    verdict = ValuesNoWorseThanChampion().judge(replace(mean, champion=half))
    newer = slice(JUDGING // 2, None)
    errors = [
        np.mean((mean.truth[newer] - one[newer, 0]) ** 2) for one in (mean.outputs, good.outputs)
    ]
    assert verdict.value == pytest.approx(1 - errors[0] / errors[1])


@pytest.mark.parametrize(("times", "passed"), [(0.5, False), (1.0, True), (2.0, False)])
def test_an_interval_that_is_too_narrow_or_too_wide_is_refused(times: float, passed: bool) -> None:
    made = evidence()
    value = made.outputs[:, :1]
    outputs = value + times * (made.outputs - value)
    verdict = Coverage().judge(replace(made, outputs=outputs))
    assert verdict.passed is passed
    assert verdict.blocking
    held = np.mean((outputs[:, 1] <= made.truth) & (made.truth <= outputs[:, 2]))
    assert f"holds {held:.1%} " in verdict.reason
    assert verdict.value == pytest.approx(abs(held - 0.8))


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
    made = evidence()
    broken = replace(made, outputs=change(made.outputs))
    with pytest.raises(InvalidRequest):
        check_values(broken.outputs, broken, "the model")
    gates = (BeyondMean(), Coverage(), ValuesNoWorseThanChampion())
    verdicts = judge_all(gates, broken).verdicts
    assert not any(v.passed for v in verdicts)
    assert all("could not be computed" in v.reason for v in verdicts)


def test_outcomes_that_are_not_known_and_too_few_sessions_have_failed() -> None:
    made = evidence()
    unknown = made.truth.copy()
    unknown[0] = np.nan
    few = np.arange(9)
    for broken in (
        replace(made, truth=unknown),
        replace(
            made, judging=made.judging.take(few), truth=made.truth[few], outputs=made.outputs[few]
        ),
    ):
        decision = judge_all([BeyondMean(), Coverage()], broken)
        assert not any(v.passed for v in decision.verdicts)


def test_fit_values_is_what_the_kind_fits() -> None:
    rows = daily_rows(200)
    ours = Value().fit(Ridge(), rows.features, rows.outcome, LABEL, 0).values(rows.features)
    theirs = fit_regressor(Ridge(), rows.features, rows.outcome, 0).values(rows.features)
    np.testing.assert_array_equal(ours, theirs)
