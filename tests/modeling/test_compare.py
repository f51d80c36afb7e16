"""The comparison: what it must not see, how it ranks, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action
from pipelines.modeling.candidates import CANDIDATES, HistogramBoosting, Logistic
from pipelines.modeling.compare import _rank_key, compare
from pipelines.modeling.comparison import Comparison, Result
from pipelines.modeling.dataset import Rows, Split
from tests.modeling.hourly_rows import hourly_rows

LABEL = Action()
QUICK = (Logistic(), HistogramBoosting(rounds=5))


def run(rows: Rows, candidates: tuple = QUICK, **options: object) -> Comparison:
    return compare(rows, LABEL, candidates, Split(stretches=0), 7, **options)


@dataclass(frozen=True)
class Broken(Logistic):
    name: str = "broken"

    def estimator(self, seed: int) -> object:
        raise ValueError("no such kernel")


def shuffle_outcomes(rows: Rows, places: np.ndarray) -> Rows:
    """Permute some outcomes and triple them: a permutation alone would change no quantile."""
    outcome = rows.outcome.copy()
    outcome[places] = 3 * np.random.default_rng(9).permutation(outcome[places])
    return replace(rows, outcome=outcome)


def assert_same_fits(first: Comparison, second: Comparison) -> None:
    """Compare thresholds, shares and every candidate's probabilities, to the last bit."""
    assert first.thresholds == second.thresholds
    assert first.shares == second.shares
    others = {result.name: result for result in second.ranking}
    for result in first.ranking:
        assert result.fitted is not None
        fitted = others[result.name].fitted
        assert fitted is not None
        features = first.selection.rows.features
        np.testing.assert_array_equal(
            result.fitted.balanced_probabilities(features), fitted.balanced_probabilities(features)
        )


def test_every_candidate_is_fitted_and_ranked(comparison: Comparison) -> None:
    assert {result.name for result in comparison.ranking} == {result.name for result in CANDIDATES}
    assert [result.failure for result in comparison.ranking] == [""] * 7
    f1 = [result.metrics.macro_f1 for result in comparison.ranking if result.metrics]
    assert f1 == sorted(f1, reverse=True)
    assert comparison.winner.fitted is comparison.ranking[0].fitted


def test_shuffled_validation_labels_change_nothing_that_is_fitted(comparison: Comparison) -> None:
    """And so the same rows and seed give the same models: these are all fitted a second time."""
    rows = hourly_rows()
    other = run(
        shuffle_outcomes(rows, rows.session >= comparison.selection.rows.session[0]), CANDIDATES
    )
    assert_same_fits(comparison, other)
    assert (other.selection.truth != comparison.selection.truth).any()


def test_shuffled_judging_labels_change_neither_choice_nor_calibration() -> None:
    rows = hourly_rows()
    before = run(rows)
    after = run(shuffle_outcomes(rows, rows.session >= before.judging.rows.session[0]))
    assert_same_fits(before, after)
    assert before.calibration_reason.startswith("a temperature")  # it was fitted
    assert after.calibration_reason == before.calibration_reason
    assert [result.name for result in after.ranking] == [result.name for result in before.ranking]
    np.testing.assert_array_equal(after.outputs, before.outputs)
    assert after.judging_metrics.rank_ic != before.judging_metrics.rank_ic


def test_the_parts_of_time_share_no_label(comparison: Comparison) -> None:
    for older, newer in (("training", "selection"), ("selection", "judging")):
        before, after = getattr(comparison, older).rows, getattr(comparison, newer).rows
        assert before.known_at.max() < after.closes_at.min()
        assert before.session.max() < after.session.min()


def test_a_planted_direction_is_found_and_noise_is_not(comparison: Comparison) -> None:
    assert comparison.judging_metrics.rank_ic > 0.3
    noise = run(hourly_rows(sessions=200, symbols=2, signal=0.0))
    assert abs(noise.judging_metrics.rank_ic) < 0.15


def test_probabilities_add_up_and_are_as_frequent_as_they_say(comparison: Comparison) -> None:
    assert comparison.outputs.shape == (len(comparison.judging), 5)
    np.testing.assert_allclose(comparison.outputs.sum(axis=1), 1)
    np.testing.assert_allclose(comparison.outputs.mean(axis=0), comparison.shares, atol=0.06)
    scores = comparison.outputs @ np.array(comparison.label.scores)
    thresholds = comparison.winner.score_thresholds
    np.testing.assert_array_equal(
        comparison.predictions, np.searchsorted(thresholds, scores, side="right")
    )


def test_a_candidate_that_fails_is_recorded_and_the_others_go_on() -> None:
    comparison = run(hourly_rows(), (Broken(), Logistic(), Logistic(passes=1, name="hasty")))
    assert comparison.ranking[0].name == "logistic_regression"
    failures = {result.name: result.failure for result in comparison.ranking[1:]}
    assert failures["broken"] == "ValueError: no such kernel"
    assert failures["hasty"].startswith("ConvergenceWarning")


def test_when_all_fail_every_reason_is_reported() -> None:
    with pytest.raises(InvalidRequest, match="broken: ValueError: no such kernel; worse: Value"):
        run(hourly_rows(), (Broken(), Broken(name="worse")))


def test_ties_go_by_accuracy_and_then_by_name() -> None:
    comparison = run(hourly_rows(), (Logistic(name="b"), Logistic(name="a")))
    assert [result.name for result in comparison.ranking] == ["a", "b"]
    metrics = comparison.ranking[0].metrics
    assert metrics is not None
    exact = Result("z", {}, 1.0, metrics=replace(metrics, accuracy=0.9))
    better = Result("y", {}, 1.0, metrics=replace(metrics, macro_f1=0.99, accuracy=0.0))
    order = sorted(
        [Result("0", {}, 1.0, failure="x"), *comparison.ranking, exact, better], key=_rank_key
    )
    assert [result.name for result in order] == ["y", "z", "a", "b", "0"]


def test_progress_is_reported_before_each_fit() -> None:
    steps: list[tuple[str, int, int]] = []
    run(hourly_rows(), progress=lambda *step: steps.append(step))
    assert steps == [
        ("fit logistic_regression", 0, 2),
        ("fit histogram_gradient_boosting", 1, 2),
        ("judge the winner", 2, 2),
    ]


def test_incomplete_rows_are_dropped_and_counted() -> None:
    rows = hourly_rows()
    rows.features[:8, 2] = np.nan
    rows.outcome[-4:] = np.nan
    comparison = run(rows)
    assert comparison.dropped["a feature is missing"] == 8
    assert comparison.dropped["no outcome"] == 4
    assert comparison.judging.rows.closes_at.max() < rows.closes_at.max()


def test_a_symbol_without_training_rows_is_not_judged() -> None:
    rows = hourly_rows()
    is_late = rows.session >= np.unique(rows.session)[-10]
    comparison = run(rows.take((rows.symbol != 3) | is_late))
    assert comparison.symbols == (0, 1, 2)
    assert 3 not in comparison.judging.rows.symbol
    assert comparison.dropped["a symbol without training rows"] == 10 * 7
