"""The gates judge the procedure: models chosen from the past alone, stretch by stretch."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action
from pipelines.modeling.candidates import HistogramBoosting, Logistic, RandomForest
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.dataset import Rows, Split
from tests.modeling.hourly_rows import hourly_rows
from tests.modeling.test_dataset import rows_with_any_horizon

LABEL = Action()


def run(rows: Rows, split: Split, **options: object) -> Comparison:
    return compare(rows, LABEL, (Logistic(),), split, 7, **options)


@given(rows_with_any_horizon(), st.integers(1, 4), st.sampled_from((0.1, 0.2, 0.5)))
def test_no_stretch_is_judged_by_a_model_that_knew_it(
    rows: Rows, count: int, held_out: float
) -> None:
    split = Split(held_out, stretches=count, begin=0.3)
    judging = split.cut(rows)[2]
    stretches = split.walk_stretches(rows)
    for stretch in stretches:
        first = stretch.judging.closes_at.min()
        assert (stretch.selection.known_at < first).all()
        assert (stretch.training.known_at < stretch.selection.closes_at.min()).all()
        assert stretch.judging.session.max() < judging.session.min()
    for older, newer in pairwise(stretches):
        assert older.judging.session.max() < newer.judging.session.min()
        assert len(older.training) <= len(newer.training)


def test_all_but_the_beginning_is_judged_once() -> None:
    rows = hourly_rows(120)
    comparison = run(rows, Split(stretches=3, begin=0.3))
    judged = np.concatenate([stretch.judging.rows.closes_at for stretch in comparison.stretches])
    sessions = np.unique(rows.session)
    np.testing.assert_array_equal(judged, rows.closes_at[rows.session >= sessions[36]])
    assert comparison.stretches[-1].judging is comparison.judging
    assert len(comparison.earlier) == 3


def test_what_comes_later_changes_nothing_in_a_stretch() -> None:
    rows = hourly_rows(120)
    split = Split(stretches=3, begin=0.3)
    first = run(rows, split).earlier[0]
    later = rows.session > first.judging.rows.session.max()
    random = np.random.default_rng(5)
    mixed = random.permutation(rows.features)
    mixed[:, -1] = rows.features[:, -1]
    changed = replace(
        rows,
        outcome=np.where(later, random.permutation(rows.outcome) * 3, rows.outcome),
        features=np.where(later[:, None], mixed, rows.features),
    )
    other = run(changed, split).earlier[0]
    np.testing.assert_array_equal(first.outputs, other.outputs)
    np.testing.assert_array_equal(first.predictions, other.predictions)
    np.testing.assert_array_equal(first.judging.truth, other.judging.truth)


def test_a_model_is_chosen_and_calibrated_without_the_outcomes_that_it_is_judged_by() -> None:
    rows = hourly_rows(120)
    split = Split(stretches=3, begin=0.3)
    first = run(rows, split).earlier[0]
    is_judged = rows.session >= first.judging.rows.session.min()
    shuffled = np.random.default_rng(5).permutation(rows.outcome) * 3
    other = run(replace(rows, outcome=np.where(is_judged, shuffled, rows.outcome)), split).earlier[
        0
    ]
    assert (first.judging.truth != other.judging.truth).any()
    np.testing.assert_array_equal(first.outputs, other.outputs)
    np.testing.assert_array_equal(first.predictions, other.predictions)


def test_each_stretch_has_its_own_winner_and_classes() -> None:
    rows = hourly_rows(100, signal=0.2)
    comparison = compare(rows, LABEL, (Logistic(), HistogramBoosting()), Split(stretches=2), 7)
    assert len(comparison.earlier) == 2
    for stretch in comparison.earlier:
        assert stretch.candidate in ("logistic_regression", "histogram_gradient_boosting")
        thresholds = LABEL.learn(stretch.training.rows.outcome)
        truth = LABEL.truth(stretch.judging.rows.outcome, thresholds)
        np.testing.assert_array_equal(stretch.judging.truth, truth)


def test_the_oldest_stretches_are_left_out_where_too_little_comes_before_them() -> None:
    few = run(hourly_rows(45), Split(stretches=3, begin=0.3))
    assert 0 < len(few.earlier) < 3
    assert len(run(hourly_rows(45), Split(stretches=0)).earlier) == 0


@pytest.mark.parametrize(("stretches", "begin"), [(-1, 0.3), (3, 0.0), (3, 1.0)])
def test_a_split_that_makes_no_sense_is_refused(stretches: int, begin: float) -> None:
    with pytest.raises(InvalidRequest, match="stretches after a share of"):
        Split(stretches=stretches, begin=begin)


def test_progress_counts_the_fits_of_all_stretches() -> None:
    steps: list[tuple[str, int, int]] = []
    run(hourly_rows(120), Split(stretches=2), progress=lambda *step: steps.append(step))
    assert steps == [
        ("fit logistic_regression", 0, 3),
        ("fit logistic_regression", 1, 3),
        ("fit logistic_regression", 2, 3),
        ("judge the winner", 3, 3),
    ]


def test_the_number_of_cores_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, candidates = hourly_rows(120), (HistogramBoosting(), RandomForest(trees=20))
    outputs = []
    for cores in (1, 4):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        comparison = compare(rows, LABEL, candidates, Split(stretches=3, begin=0.3), 7)
        assert len(comparison.stretches) == 4
        outputs.append(np.concatenate([stretch.outputs for stretch in comparison.stretches]))
    np.testing.assert_array_equal(*outputs)


def test_folds_rank_within_the_past_of_each_stretch() -> None:
    comparison = run(hourly_rows(120), Split(stretches=1, folds=2, begin=0.6))
    assert len(comparison.earlier) == 1
    assert len(comparison.ranking[0].folds) == 2
