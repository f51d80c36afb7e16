"""Drift is a distance, whatever the number of rows; broken inputs and Evidently's errors refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.gates import Drift, Evidence, InputsSound, judge_all
from pipelines.gates.drift import Measure, label_classes
from tests.gates.market import build_evidence


def recent(made: Evidence, column: int, change: object) -> Evidence:
    """The evidence with one feature of the recent rows changed."""
    features = made.judging.features.copy()
    features[:, column] = change(features[:, column])  # type: ignore[operator]
    return replace(made, judging=replace(made.judging, features=features))


def cut(made: Evidence, rows: int) -> Evidence:
    which = np.arange(0, len(made.judging), len(made.judging) // rows)
    return replace(made, judging=made.judging.take(which), truth=made.truth[which])


def test_a_market_that_stays_as_it_was_passes_with_a_report() -> None:
    decision = judge_all([InputsSound(), Drift()], build_evidence())
    assert decision.promote, decision.reason
    assert all(v.passed for v in decision.verdicts), decision.reason
    assert b"<html" in decision.verdicts[1].report[:2000].lower()


def test_a_moved_feature_warns_by_name_however_many_rows_there_are() -> None:
    moved = recent(build_evidence(), 0, lambda values: values + 1)
    slight = recent(build_evidence(), 0, lambda values: values + 0.3)
    for rows in (300, 3000):
        verdict = Drift().judge(cut(moved, rows))
        assert not verdict.passed
        assert "move by" in verdict.reason
        assert verdict.value == pytest.approx(1 / 3)
        assert Drift().judge(cut(slight, rows)).passed
    assert judge_all([InputsSound(), Drift()], moved).promote


def test_small_numbers_drift_as_large_ones_do() -> None:
    """Evidently by itself takes a deviation below 0.001 for 0.001."""
    moved = recent(build_evidence(), 0, lambda values: values + 1)
    tiny = recent(moved, 0, lambda values: values * 1e-5)
    training = tiny.training.features.copy()
    training[:, 0] *= 1e-5
    tiny = replace(tiny, training=replace(tiny.training, features=training))
    assert not Drift().judge(tiny).passed


def test_labels_that_are_shared_otherwise_warn() -> None:
    made = build_evidence()
    classes = np.where(np.arange(len(made.truth)) % 2 == 0, 4, made.truth)
    verdict = Drift().judge(replace(made, truth=classes))
    assert not verdict.passed
    assert verdict.value == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda values: np.full_like(values, 7.0), "move is the same in all recent rows"),
        (lambda values: np.full_like(values, np.nan), "move is missing in 100% of the rows"),
        (lambda values: np.where(np.arange(len(values)) % 3 == 0, np.nan, values), "move is miss"),
        (lambda values: values + 100, "move is outside its training range in 100% of the rows"),
    ],
)
def test_a_broken_feature_blocks_by_name(change: object, told: str) -> None:
    verdict = InputsSound().judge(recent(build_evidence(), 0, change))
    assert not verdict.passed
    assert verdict.blocking
    assert told in verdict.reason


def test_rows_that_lack_a_feature_count_though_no_model_is_judged_on_them() -> None:
    made = build_evidence()
    features = made.judging.features.copy()
    assert InputsSound().judge(replace(made, recent=features)).passed
    features[: len(features) // 2, 0] = np.nan
    verdict = InputsSound().judge(replace(made, recent=features))
    assert not verdict.passed
    assert f"{made.feature_names[0]} is missing in 50% of the rows" in verdict.reason


def test_a_feature_that_was_constant_in_training_blocks() -> None:
    made = build_evidence()
    features = made.training.features.copy()
    features[:, 1] = 0.0
    still = replace(made, training=replace(made.training, features=features))
    verdict = InputsSound().judge(still)
    assert not verdict.passed
    assert "size is the same in all training rows" in verdict.reason


def test_more_drift_than_declared_blocks() -> None:
    made = build_evidence()
    for column in range(3):
        made = recent(made, column, lambda values: values + 1.2)
    assert not InputsSound().judge(made).passed
    assert InputsSound(drifted=1.0).judge(made).passed


def test_an_error_of_evidently_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    import evidently

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("evidently is not well")

    monkeypatch.setattr(evidently.Report, "run", broken)
    decision = judge_all([InputsSound(), Drift()], build_evidence())
    assert not decision.promote
    assert ["evidently is not well" in v.reason for v in decision.verdicts] == [True, True]


def test_one_report_serves_both_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    import evidently

    runs, run = [], evidently.Report.run
    monkeypatch.setattr(
        evidently.Report, "run", lambda *outputs, **named: runs.append(1) or run(*outputs, **named)
    )
    made, measure = build_evidence(), Measure(rows=300)
    judge_all([InputsSound(measure=measure), Drift(measure=measure)], made)
    assert len(runs) == 1


def test_values_are_cut_into_fifths_of_the_training_rows() -> None:
    made = build_evidence()
    values = made.training.outcome, made.judging.outcome
    same = replace(made, scores=(), training_truth=values[0], truth=values[1])
    assert Drift().judge(same).passed
    wilder = replace(same, truth=2.5 * values[1])
    recent_labels, training_labels = label_classes(wilder)
    np.testing.assert_allclose(np.bincount(training_labels) / len(training_labels), 0.2, atol=0.01)
    assert np.bincount(recent_labels)[[0, 4]].sum() > 0.6 * len(recent_labels)
    verdict = Drift().judge(wilder)
    assert not verdict.passed
    assert verdict.value == 0


def test_values_that_are_not_known_have_failed() -> None:
    made = build_evidence()
    unknown = np.full(len(made.truth), np.nan)
    broken = replace(made, scores=(), training_truth=made.training.outcome, truth=unknown)
    verdict = judge_all([Drift()], broken).verdicts[0]
    assert not verdict.passed
    assert "have no outcome" in verdict.reason
