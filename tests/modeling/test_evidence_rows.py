"""The rows of gold.model_evidence say what the pictures show and what the gates measured."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.contracts.evidence import EVIDENCE_KINDS, MODEL_EVIDENCE
from pipelines.gates import BeyondChance, Calibration
from pipelines.labels import LABELS
from pipelines.modeling.artefacts import measure_importances
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.evidence_rows import EvidenceRow, importance_rows
from pipelines.modeling.kinds import kind_of
from pipelines.modeling.kinds.value import Value
from pipelines.modeling.metrics import POINTS, confusion
from tests.gates.two_classes import build_evidence

CLASSES = next(label for label in LABELS if len(label.classes) == 2)
EVIDENCE = build_evidence()


@pytest.fixture(scope="module")
def rows() -> list[EvidenceRow]:
    return kind_of(CLASSES).evidence_rows(
        CLASSES, EVIDENCE.truth, EVIDENCE.outputs, EVIDENCE.published_predictions
    )


def of_kind(rows: list[EvidenceRow], evidence: str, name: str = "") -> list[EvidenceRow]:
    return [row for row in rows if row.evidence == evidence and row.name in (name or row.name)]


def test_its_figures_are_those_of_the_gates(rows: list[EvidenceRow]) -> None:
    (auc,) = {row.area for row in of_kind(rows, "roc", CLASSES.classes[1])}
    assert auc == pytest.approx(BeyondChance().judge(EVIDENCE).value)
    errors = [
        {row.area for row in of_kind(rows, "calibration", name)}.pop() for name in CLASSES.classes
    ]
    assert np.mean(np.array(errors, float)) == pytest.approx(Calibration().judge(EVIDENCE).value)


def test_a_curve_goes_from_corner_to_corner_and_counts_its_rows(rows: list[EvidenceRow]) -> None:
    for name in CLASSES.classes:
        curve = of_kind(rows, "roc", name)
        assert 2 < len(curve) <= POINTS
        assert [row.place for row in curve] == list(range(1, len(curve) + 1))
        assert ((curve[0].x, curve[0].y), (curve[-1].x, curve[-1].y)) == ((0, 0), (1, 1))
        assert {row.row_count for row in curve} == {len(EVIDENCE.truth)}
        groups = of_kind(rows, "calibration", name)
        assert sum(row.row_count for row in groups) == len(EVIDENCE.truth)


def test_the_confusion_has_a_row_for_each_pair_of_classes(rows: list[EvidenceRow]) -> None:
    counts = confusion(EVIDENCE.truth, EVIDENCE.published_predictions, 2)
    pairs = {(row.name, row.predicted): row.row_count for row in of_kind(rows, "confusion")}
    assert pairs == {
        (came, predicted): counts[true, place]
        for true, came in enumerate(CLASSES.classes)
        for place, predicted in enumerate(CLASSES.classes)
    }


def test_a_class_that_never_came_has_a_curve_without_an_area() -> None:
    truth = np.zeros(500, np.int64)
    outputs = np.random.default_rng(0).dirichlet([1, 1], 500)
    rows = kind_of(CLASSES).evidence_rows(CLASSES, truth, outputs, truth)
    assert {row.area for row in of_kind(rows, "roc")} == {None}


def test_values_are_grouped_by_their_prediction() -> None:
    random = np.random.default_rng(0)
    value = random.normal(0, 1, 1000)
    outputs = np.stack([value, value - 1, value + 1], axis=1)
    rows = Value().evidence_rows(LABELS[0], value + random.normal(0, 0.1, 1000), outputs, value)
    assert {(row.evidence, row.name) for row in rows} == {("calibration", "value")}
    assert [row.row_count for row in rows] == [100] * 10
    assert all(row.x == pytest.approx(row.y, abs=0.1) for row in rows)
    xs = [row.x or 0 for row in rows]
    assert xs == sorted(xs)


def test_every_importance_is_there_the_greatest_first(comparison: Comparison) -> None:
    importances = measure_importances(comparison)
    rows = importance_rows(importances)
    assert [row.name for row in rows] == [feature.name for feature in importances.features]
    assert len(rows) == len(comparison.feature_names) + 1
    losses = [row.loss or 0 for row in rows]
    assert losses == sorted(losses, reverse=True)
    assert {row.measure for row in rows} == {"macro F1"}


def test_its_kinds_and_columns_are_those_of_the_table(rows: list[EvidenceRow]) -> None:
    assert {row.evidence for row in rows} | {"importance"} == set(EVIDENCE_KINDS)
    assert set(EvidenceRow.__dataclass_fields__) <= set(MODEL_EVIDENCE.column_names)
