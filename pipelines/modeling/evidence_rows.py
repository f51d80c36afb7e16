"""What a training shows of its best candidate, as rows of gold.model_evidence.

The curves are those of the pictures in MLflow, on the rows that the gates judge: so the area under
a ROC curve and the error of calibration are the figures that the gates had.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.labels.base import Label
from pipelines.modeling.importance import Importances
from pipelines.modeling.metrics import Curve, confusion, count_bins, reliability, roc
from pipelines.modeling.value_metrics import group_by_prediction


@dataclass(frozen=True)
class EvidenceRow:
    """One row of gold.model_evidence, without the columns that name the model."""

    evidence: str
    name: str
    place: int
    row_count: int
    predicted: str | None = None
    x: float | None = None
    y: float | None = None
    area: float | None = None
    loss: float | None = None
    spread: float | None = None
    measure: str | None = None


def class_rows(
    label: Label, truth: np.ndarray, outputs: np.ndarray, predictions: np.ndarray
) -> list[EvidenceRow]:
    """Return ROC, calibration and confusion of each class."""
    rows, bins = list[EvidenceRow](), count_bins(len(truth))
    for place, name in enumerate(label.classes):
        happened, probability = truth == place, outputs[:, place]
        rows += _curve_rows("roc", name, roc(happened, probability), len(truth))
        rows += _curve_rows("calibration", name, reliability(happened, probability, bins))
    counts = confusion(truth, predictions, len(label.classes))
    return rows + [
        EvidenceRow("confusion", name, column + 1, int(count), predicted=label.classes[column])
        for name, of_class in zip(label.classes, counts, strict=True)
        for column, count in enumerate(of_class)
    ]


def value_rows(truth: np.ndarray, outputs: np.ndarray) -> list[EvidenceRow]:
    """Return the mean outcome of rows with similar predictions."""
    values = outputs[:, 0].astype(np.float64)
    groups = group_by_prediction(values)
    x, y = (np.array([part[group].mean() for group in groups]) for part in (values, truth))
    sizes = np.array([len(group) for group in groups])
    area = float(np.average(np.abs(x - y), weights=sizes))
    return _curve_rows("calibration", "value", Curve(x, y, area, sizes))


def importance_rows(importances: Importances) -> list[EvidenceRow]:
    """Return the importance of every feature, the greatest first."""
    return [
        EvidenceRow(
            "importance",
            feature.name,
            place,
            importances.rows,
            loss=feature.loss,
            spread=feature.spread,
            measure=importances.measure,
        )
        for place, feature in enumerate(importances.features, 1)
    ]


def _curve_rows(evidence: str, name: str, curve: Curve, row_count: int = 0) -> list[EvidenceRow]:
    """Return a row for each point; each counts its own rows where the curve has them."""
    sizes = curve.rows if len(curve.rows) else np.full(len(curve.x), row_count)
    area = curve.area if np.isfinite(curve.area) else None
    points = zip(curve.x.tolist(), curve.y.tolist(), sizes.tolist(), strict=True)
    return [
        EvidenceRow(evidence, name, place, int(size), x=x, y=y, area=area)
        for place, (x, y, size) in enumerate(points, 1)
    ]
