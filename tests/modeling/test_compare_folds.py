"""Walking forward: what each fold must not see, and how the folds rank."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action
from pipelines.modeling.candidates import HistogramBoosting, Logistic
from pipelines.modeling.compare import build_folds, compare
from pipelines.modeling.comparison import Comparison, Result
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.required import Minimums
from tests.modeling.hourly_rows import hourly_rows

LABEL = Action()
QUICK = (Logistic(), HistogramBoosting(rounds=5))


def run(rows: Rows, folds: int = 3, **options: object) -> Comparison:
    return compare(rows, LABEL, QUICK, Split(folds=folds), 7, **options)


@pytest.fixture(scope="module")
def comparison_by_folds() -> Comparison:
    return run(hourly_rows())


def results_by_name(comparison: Comparison) -> dict[str, Result]:
    return {result.name: result for result in comparison.ranking}


def shuffle_outcomes(rows: Rows, places: np.ndarray) -> Rows:
    outcome = rows.outcome.copy()
    outcome[places] = 3 * np.random.default_rng(9).permutation(outcome[places])
    return replace(rows, outcome=outcome)


def test_ranks_by_the_mean_over_the_folds(comparison_by_folds: Comparison) -> None:
    for result in comparison_by_folds.ranking:
        assert len(result.folds) == 3
        for name, figure in result.figures.items():
            assert figure == pytest.approx(np.mean([fold.figures[name] for fold in result.folds]))
    first, second = (result.figures["macro_f1"] for result in comparison_by_folds.ranking)
    assert first >= second


def test_all_but_the_ranking_is_as_without_folds(comparison_by_folds: Comparison) -> None:
    without_folds = run(hourly_rows(), folds=0)
    assert all(result.folds == () for result in without_folds.ranking)
    for result in without_folds.ranking:
        assert result.metrics is not None
        assert result.figures == result.metrics.figures
        other = results_by_name(comparison_by_folds)[result.name]
        np.testing.assert_array_equal(result.outputs, other.outputs)
    assert without_folds.thresholds == comparison_by_folds.thresholds
    assert comparison_by_folds.winner.fitted is comparison_by_folds.ranking[0].fitted


def test_shuffled_outcomes_change_nothing_that_was_fitted_on_older_rows(
    comparison_by_folds: Comparison,
) -> None:
    """From the second fold's newer rows on, judging rows and all."""
    rows = hourly_rows()
    folds = build_folds(rows, Split(folds=3), LABEL, Minimums())
    first = folds[1].validation.rows.session[0]
    before, after = comparison_by_folds, run(shuffle_outcomes(rows, rows.session >= first))
    for name, result in results_by_name(before).items():
        other = results_by_name(after)[name].folds
        assert result.folds[0].confusion.tolist() == other[0].confusion.tolist()
        counts = [fold.confusion.sum(axis=0).tolist() for fold in (result.folds[1], other[1])]
        assert counts[0] == counts[1]
        assert result.folds[1].confusion.tolist() != other[1].confusion.tolist()
    for place, fold in enumerate(
        build_folds(
            shuffle_outcomes(rows, rows.session >= first), Split(folds=3), LABEL, Minimums()
        )
    ):
        is_same = (fold.thresholds, fold.shares) == (folds[place].thresholds, folds[place].shares)
        assert is_same == (place < 2)


def test_judging_rows_are_no_part_of_any_fold(comparison_by_folds: Comparison) -> None:
    rows = hourly_rows()
    other = run(shuffle_outcomes(rows, rows.session >= comparison_by_folds.judging.rows.session[0]))
    for name, result in results_by_name(comparison_by_folds).items():
        other_folds = results_by_name(other)[name].folds
        for fold, other_fold in zip(result.folds, other_folds, strict=True):
            np.testing.assert_array_equal(fold.confusion, other_fold.confusion)
            assert fold.log_loss == other_fold.log_loss


def test_a_fold_that_is_too_small_is_named() -> None:
    with pytest.raises(
        InvalidRequest, match=r"fold 1 of 6: .* training rows are too few"
    ) as refusal:
        run(hourly_rows(), folds=6)
    assert "fewer folds" in refusal.value.hint


@dataclass(frozen=True)
class FailsAfterOneFit(Logistic):
    """A candidate whose second fit fails."""

    name: str = "spoiled"

    def estimator(self, seed: int) -> object:
        SEEDS.append(seed)
        if len(SEEDS) > 1:
            raise ValueError("once is enough")
        return super().estimator(seed)


SEEDS: list[int] = []


def test_a_candidate_that_fails_in_a_fold_has_failed() -> None:
    SEEDS.clear()
    split = Split(folds=2, stretches=0)
    comparison = compare(hourly_rows(), LABEL, (FailsAfterOneFit(), *QUICK), split, 7)
    last = comparison.ranking[-1]
    assert (last.name, last.folds, last.fitted) == ("spoiled", (), None)
    assert last.failure == "ValueError: fold 1: once is enough"
