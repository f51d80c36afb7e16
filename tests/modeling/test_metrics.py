"""Figures beside hand-worked values and scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as theirs

from pipelines.modeling import metrics

NAMES = ("down", "flat", "up")
TRUE = np.array([0, 0, 1, 1, 1, 2, 2, 2])
GIVEN = np.array([0, 1, 1, 1, 0, 2, 2, 1])


def some(rows: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three classes, and classes drawn by them."""
    random = np.random.default_rng(3)
    probabilities = random.dirichlet((2, 3, 2), rows)
    classes = (random.random((rows, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return classes, probabilities


def test_f1_of_each_class_is_as_worked_by_hand() -> None:
    down, flat, up = metrics.per_class(TRUE, GIVEN, NAMES)
    assert (down.precision, down.recall, down.f1) == (0.5, 0.5, 0.5)
    assert (flat.precision, flat.recall, flat.predicted) == (0.5, pytest.approx(2 / 3), 4)
    assert (up.precision, up.recall, up.f1) == (1.0, pytest.approx(2 / 3), pytest.approx(0.8))
    assert metrics.macro_f1(TRUE, GIVEN, 3) == pytest.approx((0.5 + 4 / 7 + 0.8) / 3)


def test_a_class_that_is_nowhere_counts_as_zero() -> None:
    assert metrics.macro_f1(np.array([0, 1]), np.array([0, 1]), 4) == 0.5


def test_confusion_has_a_row_a_true_class() -> None:
    np.testing.assert_array_equal(
        metrics.confusion(TRUE, GIVEN, 3), [[1, 1, 0], [1, 2, 0], [0, 1, 2]]
    )


def test_figures_are_scikit_learns() -> None:
    classes, probabilities = some()
    predicted = probabilities.argmax(axis=1)
    made = metrics.measure(classes, predicted, probabilities, classes, NAMES, (-1, 0, 1))
    assert made.macro_f1 == pytest.approx(theirs.f1_score(classes, predicted, average="macro"))
    assert made.accuracy == pytest.approx(theirs.accuracy_score(classes, predicted))
    assert made.log_loss == pytest.approx(theirs.log_loss(classes, probabilities))
    np.testing.assert_array_equal(made.confusion, theirs.confusion_matrix(classes, predicted))


def test_rank_ic_looks_at_order_alone() -> None:
    outcome = np.array([3.0, 1.0, 2.0, 5.0])
    assert metrics.rank_ic(np.exp(outcome), outcome) == pytest.approx(1.0)
    assert metrics.rank_ic(np.array([1.0, 2.0, 3.0, 4.0]), outcome) == pytest.approx(0.4)


def test_a_score_that_is_the_same_everywhere_ranks_nothing() -> None:
    noise = 0.3 + np.array([0.0, 1.0, 2.0]) * 1e-13
    assert metrics.rank_ic(noise, np.array([1.0, 2.0, 3.0])) == 0.0


def test_calibration_error_is_small_for_what_happens_as_often_as_it_says() -> None:
    classes, probabilities = some(20_000)
    assert metrics.calibration_error(classes, probabilities) < 0.02
    assert metrics.calibration_error(classes, np.roll(probabilities, 1, axis=1)) > 0.1


def test_calibration_error_is_as_worked_by_hand() -> None:
    """One bin: class 0 is given 0.6 and happens half the time, class 1 0.4."""
    classes = np.array([0, 1] * 5)
    assert metrics.calibration_error(classes, np.tile([0.6, 0.4], (10, 1))) == pytest.approx(0.1)


def test_reliability_holds_what_happened_beside_what_was_said() -> None:
    said = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    happened = np.array([False, False, False, True, True, True, True, True])
    made = metrics.reliability(happened, said, bins=2)
    np.testing.assert_allclose(made.x, [0.1, 0.9])
    np.testing.assert_allclose(made.y, [0.25, 1.0])
    assert made.area == pytest.approx(0.125)


def test_curves_are_scikit_learns_at_a_few_points() -> None:
    classes, probabilities = some()
    happened, given = classes == 2, probabilities[:, 2]
    roc, recall = metrics.roc(happened, given), metrics.precision_recall(happened, given)
    assert roc.area == pytest.approx(theirs.roc_auc_score(happened, given))
    assert recall.area == pytest.approx(theirs.average_precision_score(happened, given))
    for curve in (roc, recall):
        assert len(curve.x) <= metrics.POINTS
        assert (curve.x[0], curve.x[-1]) == (0.0, 1.0)
        assert (np.diff(curve.x) >= 0).all()


def test_one_class_alone_has_no_curve() -> None:
    for curve in (metrics.roc, metrics.precision_recall):
        assert np.isnan(curve(np.ones(5, bool), np.linspace(0, 1, 5)).area)
