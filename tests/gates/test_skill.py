"""Skill is a lower bound: planted direction passes, noise and the shape of the day do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import f1_score

from pipelines.gates import BeyondTheDay, DirectionSkill, NoWorseThanChampion
from pipelines.gates.base import judge_all
from pipelines.gates.skill import Sessions, macro_f1, place_predictors, ranks
from tests.gates.market import build_evidence, with_champion

SKILL = (DirectionSkill(), DirectionSkill(within_place=True), BeyondTheDay())


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_direction_passes(seed: int) -> None:
    """Ten symbols, 60 sessions of 7 bars, rank IC 0.2."""
    decision = judge_all(SKILL, build_evidence(seed))
    assert decision.promote, decision.reason
    for verdict in decision.verdicts:
        assert verdict.low is not None
        assert verdict.high is not None
        assert 0 < verdict.low < verdict.value < verdict.high
    assert decision.verdicts[0].value == pytest.approx(0.2, abs=0.07)


def test_noise_is_hardly_ever_promoted() -> None:
    """Of 60 models that lean at random, in a market whose symbols move together: at most two."""
    decisions = [judge_all(SKILL, build_evidence(seed, ic=0.0, sessions=30)) for seed in range(60)]
    assert sum(decision.promote for decision in decisions) <= 2
    # The first gate alone passes noise once in a hundred times: at most four of 60.
    assert sum(decision.verdicts[0].passed for decision in decisions) <= 4


def test_the_shape_of_the_day_is_no_direction() -> None:
    """It beats the label shares in macro F1 by far, as the hour alone does on real bars."""
    for seed in range(5):
        blind = build_evidence(seed, blind=True)
        blind_f1 = f1_score(blind.truth, blind.published_classes, average="macro")
        shares = np.bincount(blind.training_truth) / len(blind.training_truth)
        assert blind_f1 > macro_f1(np.outer(np.bincount(blind.truth), shares)) + 0.03
        decision = judge_all(SKILL, blind)
        assert not decision.promote
        assert "skill_direction: " in decision.reason


def test_an_hour_that_rises_is_no_skill_among_rows_of_its_place() -> None:
    evidence = build_evidence(ic=0.0)
    rises = evidence.judging.outcome + 3.0 * (evidence.judging.place == 6)
    by_hour = np.full((len(rises), 5), 0.2)
    by_hour[evidence.judging.place == 6] = [0.1, 0.1, 0.2, 0.3, 0.3]
    evidence = replace(
        evidence,
        judging=replace(evidence.judging, outcome=rises),
        outputs=by_hour,
        predictions=None,
    )
    assert DirectionSkill().judge(evidence).passed
    assert not DirectionSkill(within_place=True).judge(evidence).passed


def test_a_strict_baseline_refuses_what_the_hour_alone_gives() -> None:
    """The class that is typical of each place, or its mirror, beats the label shares by place."""
    evidence = build_evidence(ic=0.0)
    typical = place_predictors(evidence, strict=True)["typical"]
    coin = np.random.default_rng(0).random(typical.shape)
    hour_alone = replace(evidence, predictions=(typical * coin).argmax(axis=1))
    assert BeyondTheDay().judge(hour_alone).passed
    assert not BeyondTheDay(strict=True).judge(hour_alone).passed


def test_the_same_evidence_gets_the_same_verdict_whatever_the_order_of_rows() -> None:
    evidence = build_evidence(3)
    again = [gate.judge(build_evidence(3)) for gate in SKILL]
    assert [gate.judge(evidence) for gate in SKILL] == again
    order = np.random.default_rng(0).permutation(len(evidence.judging))
    assert evidence.predictions is not None
    mixed = replace(
        evidence,
        judging=evidence.judging.take(order),
        truth=evidence.truth[order],
        outputs=evidence.outputs[order],
        predictions=evidence.predictions[order],
    )
    for gate, before in zip(SKILL, again, strict=True):
        after = gate.judge(mixed)
        assert (after.value, after.low) == pytest.approx((before.value, before.low))


def test_whole_sessions_are_drawn_so_symbols_that_move_together_count_once() -> None:
    """A hundred symbols that do as the first does are no more evidence than one."""
    single = build_evidence(1, symbols=1, sessions=40)
    copies = np.repeat(np.arange(len(single.judging)), 100)
    many = replace(
        single,
        judging=single.judging.take(copies),
        truth=single.truth[copies],
        outputs=single.outputs[copies],
        predictions=single.published_classes[copies],
    )
    for gate in SKILL:
        expected, verdict = gate.judge(single), gate.judge(many)
        assert verdict.low == pytest.approx(expected.low, abs=1e-6)


def test_ranks_and_macro_f1_are_those_of_the_libraries() -> None:
    random = np.random.default_rng(5)
    x, y = random.integers(0, 9, 500), random.standard_normal(500)
    correlation = np.corrcoef(ranks(x), ranks(y))[0, 1]
    assert correlation == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    true, outputs = random.integers(0, 5, 500), random.integers(0, 4, 500)
    confusion = np.zeros((5, 5))
    np.add.at(confusion, (true, outputs), 1)
    assert macro_f1(confusion) == pytest.approx(f1_score(true, outputs, average="macro"))


def test_the_bound_of_a_mean_is_students() -> None:
    """Of one row a session the interval of the mean is Student's own."""
    values = np.random.default_rng(0).standard_normal(25)
    sessions = Sessions(np.arange(25), 20_000, 0, 0.99)
    sums = sessions.sum_draws(sessions.sums(np.stack([np.ones(25), values], axis=1)))
    low, _ = sessions.bounds(values.mean(), sums[:, 1] / sums[:, 0])
    students = values.mean() - 2.492 * values.std(ddof=1) / 5
    assert low == pytest.approx(students, rel=0.02)


@pytest.mark.parametrize(
    ("tilt", "passed"), [(-0.4, True), (0.4, True), (0.39, True)], ids=["worse", "same", "near"]
)
def test_a_challenger_is_compared_with_the_champion_on_the_same_rows(
    tilt: float, passed: bool
) -> None:
    evidence = build_evidence(2)
    other = build_evidence(2, tilt=tilt)
    verdict = NoWorseThanChampion().judge(with_champion(evidence, other))
    assert verdict.passed is passed
    turned = NoWorseThanChampion().judge(with_champion(other, evidence))
    assert turned.passed is (tilt > 0)
    assert turned.value == pytest.approx(-verdict.value)


def test_the_tolerance_is_declared_and_a_first_model_has_no_champion() -> None:
    first = NoWorseThanChampion().judge(build_evidence())
    assert first.passed
    assert "no champion" in first.reason
    worse = with_champion(build_evidence(2, tilt=-0.4), build_evidence(2))
    assert NoWorseThanChampion(tolerance=1.0).judge(worse).passed


def test_a_champion_with_constant_outputs_can_be_replaced() -> None:
    evidence = build_evidence()
    flat = np.full_like(evidence.outputs, 0.2)
    hold = np.full(len(flat), 2)
    constant = replace(evidence, outputs=flat, predictions=hold)
    assert NoWorseThanChampion().judge(with_champion(evidence, constant)).passed
    assert not DirectionSkill().judge(constant).passed
