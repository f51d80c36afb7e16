"""Metrics equal values computed by hand, and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from pipelines.modeling import metrics

NAMES = ("down", "flat", "up")
TRUE = np.array([0, 0, 1, 1, 1, 2, 2, 2])
PREDICTED = np.array([0, 1, 1, 1, 0, 2, 2, 1])


def draw_predictions(rows: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three classes, and classes drawn by them."""
    random = np.random.default_rng(3)
    probabilities = random.dirichlet((2, 3, 2), rows)
    classes = (random.random((rows, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return classes, probabilities


def test_f1_of_each_class_equals_the_value_by_hand() -> None:
    down, flat, up = metrics.per_class(TRUE, PREDICTED, NAMES)
    assert (down.precision, down.recall, down.f1) == (0.5, 0.5, 0.5)
    assert (flat.precision, flat.recall, flat.predicted) == (0.5, pytest.approx(2 / 3), 4)
    assert (up.precision, up.recall, up.f1) == (1.0, pytest.approx(2 / 3), pytest.approx(0.8))
    assert metrics.macro_f1(TRUE, PREDICTED, 3) == pytest.approx((0.5 + 4 / 7 + 0.8) / 3)


def test_a_class_that_is_nowhere_counts_as_zero() -> None:
    assert metrics.macro_f1(np.array([0, 1]), np.array([0, 1]), 4) == 0.5


def test_confusion_has_a_row_a_true_class() -> None:
    np.testing.assert_array_equal(
        metrics.confusion(TRUE, PREDICTED, 3), [[1, 1, 0], [1, 2, 0], [0, 1, 2]]
    )


def test_figures_are_scikit_learns() -> None:
    classes, probabilities = draw_predictions()
    predicted = probabilities.argmax(axis=1)
    figures = metrics.measure(classes, predicted, probabilities, classes, NAMES, (-1, 0, 1))
    assert figures.macro_f1 == pytest.approx(
        sklearn_metrics.f1_score(classes, predicted, average="macro")
    )
    assert figures.accuracy == pytest.approx(sklearn_metrics.accuracy_score(classes, predicted))
    assert figures.log_loss == pytest.approx(sklearn_metrics.log_loss(classes, probabilities))
    np.testing.assert_array_equal(
        figures.confusion, sklearn_metrics.confusion_matrix(classes, predicted)
    )


def test_rank_ic_depends_on_the_order_alone() -> None:
    outcome = np.array([3.0, 1.0, 2.0, 5.0])
    assert metrics.rank_ic(np.exp(outcome), outcome) == pytest.approx(1.0)
    assert metrics.rank_ic(np.array([1.0, 2.0, 3.0, 4.0]), outcome) == pytest.approx(0.4)


def test_a_score_that_is_the_same_everywhere_ranks_nothing() -> None:
    noise = 0.3 + np.array([0.0, 1.0, 2.0]) * 1e-13
    assert metrics.rank_ic(noise, np.array([1.0, 2.0, 3.0])) == 0.0


def test_calibration_error_is_small_for_true_probabilities() -> None:
    classes, probabilities = draw_predictions(20_000)
    assert metrics.calibration_error(classes, probabilities) < 0.02
    assert metrics.calibration_error(classes, np.roll(probabilities, 1, axis=1)) > 0.1


def test_calibration_error_equals_the_value_by_hand() -> None:
    """One bin: class 0 has 0.6 and class 1 0.4, and each happens half the time."""
    classes = np.array([0, 1] * 5)
    assert metrics.calibration_error(classes, np.tile([0.6, 0.4], (10, 1))) == pytest.approx(0.1)


def test_reliability_compares_frequencies_with_probabilities() -> None:
    probability = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    happened = np.array([False, False, False, True, True, True, True, True])
    curve = metrics.reliability(happened, probability, bins=2)
    np.testing.assert_allclose(curve.x, [0.1, 0.9])
    np.testing.assert_allclose(curve.y, [0.25, 1.0])
    assert curve.area == pytest.approx(0.125)


def test_curves_have_the_areas_of_scikit_learn_and_few_points() -> None:
    classes, probabilities = draw_predictions()
    happened, probability = classes == 2, probabilities[:, 2]
    roc, recall = (
        metrics.roc(happened, probability),
        metrics.precision_recall(happened, probability),
    )
    assert roc.area == pytest.approx(sklearn_metrics.roc_auc_score(happened, probability))
    assert recall.area == pytest.approx(
        sklearn_metrics.average_precision_score(happened, probability)
    )
    for curve in (roc, recall):
        assert len(curve.x) <= metrics.POINTS
        assert (curve.x[0], curve.x[-1]) == (0.0, 1.0)
        assert (np.diff(curve.x) >= 0).all()


def test_one_class_alone_has_no_curve() -> None:
    for curve in (metrics.roc, metrics.precision_recall):
        assert np.isnan(curve(np.ones(5, bool), np.linspace(0, 1, 5)).area)


def test_two_classes_have_a_roc_auc_whatever_they_are_called() -> None:
    random = np.random.default_rng(0)
    upper = random.random(400).round(2)  # with ties
    classes = (random.random(400) < upper).astype(np.int64)
    probabilities = np.stack([1 - upper, upper], axis=1)
    figures = metrics.measure(
        classes, probabilities.argmax(axis=1), probabilities, classes, ("rain", "sun"), (0, 1)
    )
    expected = sklearn_metrics.roc_auc_score(classes, upper)
    assert figures.figures["roc_auc"] == pytest.approx(expected)
    assert figures.order == pytest.approx(
        (-expected, -figures.macro_f1, -figures.accuracy, figures.log_loss)
    )


def test_other_than_two_classes_have_none() -> None:
    classes, probabilities = draw_predictions()
    predicted = probabilities.argmax(axis=1)
    figures = metrics.measure(classes, predicted, probabilities, classes, NAMES, (-1, 0, 1))
    assert "roc_auc" not in figures.figures
    assert figures.order == (-figures.macro_f1, -figures.accuracy, figures.log_loss)


def test_a_missing_class_or_one_probability_ranks_nothing() -> None:
    even = np.full((6, 2), 0.5) + np.array([1e-13, -1e-13]) * np.arange(6)[:, None]
    assert metrics.roc_auc(np.array([0, 1, 0, 1, 0, 1]), even) == 0.5
    assert metrics.roc_auc(np.ones(6, np.int64), np.random.default_rng(0).random((6, 2))) == 0.5
