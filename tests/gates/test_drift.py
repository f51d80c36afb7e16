"""Drift is a distance, whatever the number of rows; broken inputs and Evidently's errors refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.gates import Drift, Evidence, InputsSound, judge_all
from pipelines.gates.drift import Measure, label_classes
from tests.gates.market import build_evidence


def change_recent(evidence: Evidence, column: int, change: object) -> Evidence:
    """The evidence with one feature of the recent rows changed."""
    features = evidence.judging.features.copy()
    features[:, column] = change(features[:, column])  # type: ignore[operator]
    return replace(evidence, judging=replace(evidence.judging, features=features))


def take_rows(evidence: Evidence, rows: int) -> Evidence:
    which = np.arange(0, len(evidence.judging), len(evidence.judging) // rows)
    return replace(evidence, judging=evidence.judging.take(which), truth=evidence.truth[which])


def test_a_market_that_stays_as_it_was_passes_with_a_report() -> None:
    decision = judge_all([InputsSound(), Drift()], build_evidence())
    assert decision.promote, decision.reason
    assert all(v.passed for v in decision.verdicts), decision.reason
    assert b"<html" in decision.verdicts[1].report[:2000].lower()


def test_a_moved_feature_warns_by_name_however_many_rows_there_are() -> None:
    moved = change_recent(build_evidence(), 0, lambda values: values + 1)
    slight = change_recent(build_evidence(), 0, lambda values: values + 0.3)
    for rows in (300, 3000):
        verdict = Drift().judge(take_rows(moved, rows))
        assert not verdict.passed
        assert "move by" in verdict.reason
        assert verdict.value == pytest.approx(1 / 3)
        assert Drift().judge(take_rows(slight, rows)).passed
    assert judge_all([InputsSound(), Drift()], moved).promote


def test_small_numbers_drift_as_large_ones_do() -> None:
    """Evidently itself treats a deviation below 0.001 as 0.001."""
    moved = change_recent(build_evidence(), 0, lambda values: values + 1)
    tiny = change_recent(moved, 0, lambda values: values * 1e-5)
    training = tiny.training.features.copy()
    training[:, 0] *= 1e-5
    tiny = replace(tiny, training=replace(tiny.training, features=training))
    assert not Drift().judge(tiny).passed


def test_changed_shares_of_the_labels_warn() -> None:
    evidence = build_evidence()
    classes = np.where(np.arange(len(evidence.truth)) % 2 == 0, 4, evidence.truth)
    verdict = Drift().judge(replace(evidence, truth=classes))
    assert not verdict.passed
    assert verdict.value == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: np.full_like(values, 7.0), "move is the same in all recent rows"),
        (lambda values: np.full_like(values, np.nan), "move is missing in 100% of the rows"),
        (lambda values: np.where(np.arange(len(values)) % 3 == 0, np.nan, values), "move is miss"),
        (lambda values: values + 100, "move is outside its training range in 100% of the rows"),
    ],
)
def test_a_broken_feature_blocks_by_name(change: object, message: str) -> None:
    verdict = InputsSound().judge(change_recent(build_evidence(), 0, change))
    assert not verdict.passed
    assert verdict.blocking
    assert message in verdict.reason


def test_what_the_model_does_not_read_is_not_asked() -> None:
    broken = change_recent(build_evidence(), 0, lambda values: np.full_like(values, np.nan))
    other_names = broken.feature_names[1:]
    assert not judge_all([InputsSound(), Drift()], broken).promote
    assert judge_all([InputsSound(), Drift()], replace(broken, model_features=other_names)).promote


def test_incomplete_rows_count_although_no_model_is_judged_on_them() -> None:
    evidence = build_evidence()
    features = evidence.judging.features.copy()
    assert InputsSound().judge(replace(evidence, recent=features)).passed
    features[: len(features) // 2, 0] = np.nan
    verdict = InputsSound().judge(replace(evidence, recent=features))
    assert not verdict.passed
    assert f"{evidence.feature_names[0]} is missing in 50% of the rows" in verdict.reason


def test_a_feature_that_was_constant_in_training_blocks() -> None:
    evidence = build_evidence()
    features = evidence.training.features.copy()
    features[:, 1] = 0.0
    constant = replace(evidence, training=replace(evidence.training, features=features))
    verdict = InputsSound().judge(constant)
    assert not verdict.passed
    assert "size is the same in all training rows" in verdict.reason


def test_a_flag_may_stay_as_it_was_but_not_change() -> None:
    """Such as whether the source has a companion: it always has, or it never has."""
    evidence = build_evidence()
    training = evidence.training.features.copy()
    training[:, 0] = 1.0
    evidence = replace(evidence, training=replace(evidence.training, features=training))
    as_it_was = change_recent(evidence, 0, np.ones_like)
    flagged = replace(as_it_was, flags=as_it_was.feature_names[:1])
    assert not InputsSound().judge(as_it_was).passed
    assert InputsSound().judge(flagged).passed
    assert Drift().judge(flagged).passed
    gone = replace(change_recent(evidence, 0, np.zeros_like), flags=flagged.flags)
    verdict = InputsSound().judge(gone)
    assert not verdict.passed
    assert "is outside its training range in 100%" in verdict.reason


def test_more_drift_than_declared_blocks() -> None:
    evidence = build_evidence()
    for column in range(3):
        evidence = change_recent(evidence, column, lambda values: values + 1.2)
    assert not InputsSound().judge(evidence).passed
    assert InputsSound(drifted=1.0).judge(evidence).passed


def test_an_error_of_evidently_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    import evidently

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("evidently is broken")

    monkeypatch.setattr(evidently.Report, "run", broken)
    decision = judge_all([InputsSound(), Drift()], build_evidence())
    assert not decision.promote
    assert ["evidently is broken" in v.reason for v in decision.verdicts] == [True, True]


def test_one_report_serves_both_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    import evidently

    runs, run = [], evidently.Report.run
    monkeypatch.setattr(
        evidently.Report, "run", lambda *outputs, **named: runs.append(1) or run(*outputs, **named)
    )
    evidence, measure = build_evidence(), Measure(rows=300)
    judge_all([InputsSound(measure=measure), Drift(measure=measure)], evidence)
    assert len(runs) == 1


def test_values_are_cut_into_fifths_of_the_training_rows() -> None:
    evidence = build_evidence()
    values = evidence.training.outcome, evidence.judging.outcome
    same = replace(evidence, scores=(), training_truth=values[0], truth=values[1])
    assert Drift().judge(same).passed
    wilder = replace(same, truth=2.5 * values[1])
    recent_labels, training_labels = label_classes(wilder)
    np.testing.assert_allclose(np.bincount(training_labels) / len(training_labels), 0.2, atol=0.01)
    assert np.bincount(recent_labels)[[0, 4]].sum() > 0.6 * len(recent_labels)
    verdict = Drift().judge(wilder)
    assert not verdict.passed
    assert verdict.value == 0


def test_values_that_are_not_known_have_failed() -> None:
    evidence = build_evidence()
    unknown = np.full(len(evidence.truth), np.nan)
    broken = replace(evidence, scores=(), training_truth=evidence.training.outcome, truth=unknown)
    verdict = judge_all([Drift()], broken).verdicts[0]
    assert not verdict.passed
    assert "have no outcome" in verdict.reason
