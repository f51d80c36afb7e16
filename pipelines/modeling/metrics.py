"""Metrics of predicted classes: small functions of arrays.

`classes` is what became of each row, as its place in the label's classes; `predicted` is the
class that was predicted; `probabilities` has a column a class, in the label's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipelines.modeling.action_rules import expected_scores

SMALLEST = 1e-15  # smaller probabilities are raised to it before the logarithm
POINTS = 200  # of a curve, at the most


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one class against the others."""

    name: str
    precision: float
    recall: float
    f1: float
    rows: int  # that truly are of the class
    predicted: int


@dataclass(frozen=True, eq=False)
class ClassificationMetrics:
    """Metrics of the classes predicted for some rows."""

    rows: int
    macro_f1: float
    accuracy: float
    log_loss: float
    rank_ic: float  # of the expected score, against the outcome
    published_rank_ic: float  # of the score of the action, against the outcome
    calibration_error: float
    classes: tuple[ClassMetrics, ...]
    confusion: np.ndarray  # a row a true class, a column a predicted one
    roc_auc: float | None = None  # of the upper class; None where there are not two classes

    @property
    def precision(self) -> float:
        """That of the upper of two classes; of more than two the mean over all of them."""
        return self._of_classes("precision")

    @property
    def recall(self) -> float:
        """That of the upper of two classes; of more than two the mean over all of them."""
        return self._of_classes("recall")

    def _of_classes(self, name: str) -> float:
        values = [getattr(metrics, name) for metrics in self.classes]
        return float(values[1] if len(values) == 2 else np.mean(values))

    @property
    def figures(self) -> dict[str, float]:
        figures = {
            name: getattr(self, name)
            for name in (
                "macro_f1",
                "accuracy",
                "precision",
                "recall",
                "log_loss",
                "rank_ic",
                "published_rank_ic",
                "calibration_error",
            )
        }
        if self.roc_auc is not None:
            figures["roc_auc"] = self.roc_auc
        for metrics in self.classes:
            for name in ("precision", "recall", "f1"):
                figures[f"{metrics.name}.{name}"] = getattr(metrics, name)
        return figures

    @property
    def order(self) -> tuple[float, ...]:
        """By macro F1; two classes by the ROC AUC, which asks for no threshold between them.

        Where a rule publishes one class for nearly all rows, only the log loss tells them apart.
        """
        by_class = (-self.macro_f1, -self.accuracy, self.log_loss)
        return by_class if self.roc_auc is None else (-self.roc_auc, *by_class)

    @property
    def fit(self) -> float:
        return self.macro_f1


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a curve from left to right, and the area under it."""

    x: np.ndarray
    y: np.ndarray
    area: float
    rows: np.ndarray = field(default_factory=lambda: np.array([]))  # in the group of each point


def measure(
    classes: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    outcome: np.ndarray,
    names: Sequence[str],
    scores: Sequence[float],
) -> ClassificationMetrics:
    """All metrics of some rows."""
    table = per_class(classes, predicted, names)
    return ClassificationMetrics(
        rows=len(classes),
        macro_f1=float(np.mean([metrics.f1 for metrics in table])),
        accuracy=float(np.mean(classes == predicted)),
        log_loss=log_loss(classes, probabilities),
        rank_ic=rank_ic(expected_scores(probabilities, scores), outcome),
        published_rank_ic=rank_ic(np.asarray(scores, np.float64)[predicted], outcome),
        calibration_error=calibration_error(classes, probabilities),
        classes=table,
        confusion=confusion(classes, predicted, len(names)),
        roc_auc=roc_auc(classes, probabilities) if len(names) == 2 else None,
    )


def roc_auc(classes: np.ndarray, probabilities: np.ndarray) -> float:
    """The area under the ROC curve of two classes."""
    return rank_auc(classes == 1, probabilities[:, 1])


def mean_auc(classes: np.ndarray, probabilities: np.ndarray) -> float:
    """The area under the ROC curve; of more than two classes the mean, each against the others."""
    count = probabilities.shape[1]
    if count == 2:
        return roc_auc(classes, probabilities)
    areas = [rank_auc(classes == place, probabilities[:, place]) for place in range(count)]
    return float(np.mean(areas))


def rank_auc(is_upper: np.ndarray, score: np.ndarray) -> float:
    """The share of pairs of upper and other rows that the score ranks rightly: the ROC AUC.

    0.5 where there are no such pairs, as nothing is ranked.
    """
    from scipy.stats import rankdata

    # Noise in a score's last digits must not become an order.
    ranks = rankdata(np.round(score.astype(np.float64), 9))
    upper, lower = int(is_upper.sum()), int((~is_upper).sum())
    if not upper or not lower:
        return 0.5
    return float((ranks[is_upper].sum() - upper * (upper + 1) / 2) / (upper * lower))


def macro_f1(classes: np.ndarray, predicted: np.ndarray, count: int) -> float:
    """The mean F1 over all classes; a class that is nowhere counts as 0."""
    from sklearn.metrics import f1_score

    return float(
        f1_score(classes, predicted, labels=range(count), average="macro", zero_division=0)
    )


def per_class(
    classes: np.ndarray, predicted: np.ndarray, names: Sequence[str]
) -> tuple[ClassMetrics, ...]:
    """Precision, recall and F1 of each class."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        classes, predicted, labels=range(len(names)), zero_division=0
    )
    predicted_counts = np.bincount(predicted, minlength=len(names))
    return tuple(
        ClassMetrics(
            name, float(precision), float(recall), float(f1), int(rows), int(predicted_rows)
        )
        for name, precision, recall, f1, rows, predicted_rows in zip(
            names, *columns, predicted_counts, strict=True
        )
    )


def confusion(classes: np.ndarray, predicted: np.ndarray, count: int) -> np.ndarray:
    """Count the rows of each true class (a row) by predicted class (a column)."""
    counts: np.ndarray = np.zeros((count, count), dtype=np.int64)
    np.add.at(counts, (classes, predicted), 1)
    return counts


def log_loss(classes: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean of minus the logarithm of the probability of the true class."""
    of_true_class = probabilities[np.arange(len(classes)), classes].astype(np.float64)
    return float(-np.log(np.maximum(of_true_class, SMALLEST)).mean())


def rank_ic(score: np.ndarray, outcome: np.ndarray) -> float:
    """Spearman's correlation; 0 where one of the two is the same everywhere and ranks nothing."""
    from scipy.stats import spearmanr

    # Noise in a score's last digits must not become an order.
    rounded = np.round(score.astype(np.float64), 9)
    if len(score) < 2 or np.ptp(rounded) == 0 or np.ptp(outcome) == 0:
        return 0.0
    return float(spearmanr(rounded, outcome).statistic)


def calibration_error(classes: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> float:
    """How far probabilities lie from what happens, in the mean over classes, bins and rows.

    Each class by itself, over bins of equally many rows; a bin has at least 200, as bins of few
    rows would measure chance.
    """
    bins = max(1, min(bins, len(classes) // 200))
    errors = []
    for column in range(probabilities.shape[1]):
        order = np.argsort(probabilities[:, column], kind="stable")
        gaps = probabilities[order, column] - (classes[order] == column)
        errors.append(sum(abs(part.sum()) for part in np.array_split(gaps, bins)) / len(classes))
    return float(np.mean(errors))


def reliability(happened: np.ndarray, probability: np.ndarray, bins: int = 10) -> Curve:
    """The share of rows that happened (y) by the mean probability they were given (x).

    The area is that between the curve and what it should be, in the mean over rows.
    """
    groups = group_by_probability(probability, bins)
    x = np.array([probability[group].astype(np.float64).mean() for group in groups])
    y = np.array([happened[group].astype(np.float64).mean() for group in groups])
    rows = np.array([len(group) for group in groups])
    return Curve(x, y, float(np.sum(np.abs(x - y) * rows) / rows.sum()), rows)


def group_by_probability(probability: np.ndarray, bins: int) -> list[np.ndarray]:
    """Return the places of the rows of each bin: equally many rows, the least probable first."""
    order = np.argsort(probability, kind="stable")
    return [group for group in np.array_split(order, bins) if len(group)]


def count_bins(rows: int) -> int:
    """Return how many bins a curve of calibration has: few rows in a bin would show chance."""
    return max(2, min(10, rows // 200))


def roc(happened: np.ndarray, probability: np.ndarray) -> Curve:
    """True positives (y) by false positives (x) of one class against the others."""
    from sklearn.metrics import auc, roc_curve

    if not _has_both_outcomes(happened):
        return Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), float("nan"))
    false, true, _ = roc_curve(happened, probability)
    return _thin_curve(false, true, float(auc(false, true)))


def precision_recall(happened: np.ndarray, probability: np.ndarray) -> Curve:
    """Precision (y) by recall (x) of one class against the others; the area is its average."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    if not _has_both_outcomes(happened):
        return Curve(np.array([0.0, 1.0]), np.array([0.0, 0.0]), float("nan"))
    precision, recall, _ = precision_recall_curve(happened, probability)
    area = float(average_precision_score(happened, probability))
    return _thin_curve(recall[::-1], precision[::-1], area)


def _has_both_outcomes(happened: np.ndarray) -> bool:
    return bool(happened.any()) and not bool(happened.all())


def _thin_curve(x: np.ndarray, y: np.ndarray, area: float) -> Curve:
    points = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(int))
    return Curve(x[points], y[points], area)
