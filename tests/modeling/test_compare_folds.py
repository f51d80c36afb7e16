"""Walking forward: what each fold is blind to, and how the folds rank."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action
from pipelines.modeling.candidates import HistogramBoosting, Logistic
from pipelines.modeling.compare import Comparison, Result, build_folds, compare
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.required import Fewest
from tests.modeling.hourly_rows import hourly_rows

LABEL = Action()
QUICK = (Logistic(), HistogramBoosting(rounds=5))


def run(rows: Rows, folds: int = 3, **more: object) -> Comparison:
    return compare(rows, LABEL, QUICK, Split(folds=folds), 7, **more)


@pytest.fixture(scope="module")
def walked() -> Comparison:
    return run(hourly_rows())


def named(found: Comparison) -> dict[str, Result]:
    return {one.name: one for one in found.ranking}


def wilder(rows: Rows, at: np.ndarray) -> Rows:
    outcome = rows.outcome.copy()
    outcome[at] = 3 * np.random.default_rng(9).permutation(outcome[at])
    return replace(rows, outcome=outcome)


def test_ranks_by_the_mean_over_the_folds(walked: Comparison) -> None:
    for one in walked.ranking:
        assert len(one.folds) == 3
        for name, figure in one.figures.items():
            assert figure == pytest.approx(np.mean([fold.figures[name] for fold in one.folds]))
    first, second = (one.figures["macro_f1"] for one in walked.ranking)
    assert first >= second


def test_all_but_the_ranking_is_as_without_folds(walked: Comparison) -> None:
    plain = run(hourly_rows(), folds=0)
    assert all(one.folds == () for one in plain.ranking)
    for one in plain.ranking:
        assert one.metrics is not None
        assert one.figures == one.metrics.figures
        other = named(walked)[one.name]
        np.testing.assert_array_equal(one.outputs, other.outputs)
    assert plain.thresholds == walked.thresholds
    assert walked.winner.fitted is walked.ranking[0].fitted


def test_shuffled_outcomes_change_nothing_that_was_fitted_on_older_rows() -> None:
    """From the second fold's newer rows on, judging rows and all."""
    rows = hourly_rows()
    folds = build_folds(rows, Split(folds=3), LABEL, Fewest())
    first = folds[1].validation.rows.session[0]
    before, after = run(rows), run(wilder(rows, rows.session >= first))
    for name, one in named(before).items():
        other = named(after)[name].folds
        assert one.folds[0].confusion.tolist() == other[0].confusion.tolist()
        said = [fold.confusion.sum(axis=0).tolist() for fold in (one.folds[1], other[1])]
        assert said[0] == said[1]
        assert one.folds[1].confusion.tolist() != other[1].confusion.tolist()
    for place, fold in enumerate(
        build_folds(wilder(rows, rows.session >= first), Split(folds=3), LABEL, Fewest())
    ):
        same = (fold.thresholds, fold.shares) == (folds[place].thresholds, folds[place].shares)
        assert same == (place < 2)


def test_judging_rows_are_no_part_of_any_fold(walked: Comparison) -> None:
    rows = hourly_rows()
    other = run(wilder(rows, rows.session >= walked.judging.rows.session[0]))
    for name, one in named(walked).items():
        theirs = named(other)[name].folds
        for fold, its in zip(one.folds, theirs, strict=True):
            np.testing.assert_array_equal(fold.confusion, its.confusion)
            assert fold.log_loss == its.log_loss


def test_a_fold_that_is_too_small_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"fold 1 of 6: .* training rows are too few") as told:
        run(hourly_rows(), folds=6)
    assert "fewer folds" in told.value.hint


@dataclass(frozen=True)
class Spoiled(Logistic):
    """Fits once, and never again."""

    name: str = "spoiled"

    def estimator(self, seed: int) -> object:
        MADE.append(seed)
        if len(MADE) > 1:
            raise ValueError("once is enough")
        return super().estimator(seed)


MADE: list[int] = []


def test_one_that_fails_in_a_fold_has_failed() -> None:
    MADE.clear()
    found = compare(hourly_rows(), LABEL, (Spoiled(), *QUICK), Split(folds=2), 7)
    last = found.ranking[-1]
    assert (last.name, last.folds, last.fitted) == ("spoiled", (), None)
    assert last.failure == "ValueError: fold 1: once is enough"
