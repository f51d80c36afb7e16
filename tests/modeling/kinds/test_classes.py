"""A target of classes: the shares they need, their summary, and their order in ONNX."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action
from pipelines.modeling.candidates import Logistic
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.dataset import Split
from pipelines.modeling.kinds.classes import Classes
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from tests.modeling.class_models import build_model
from tests.modeling.description import describe
from tests.modeling.hourly_rows import hourly_rows

LABEL = Action()


def test_shares_are_those_of_the_truth_and_every_class_is_required() -> None:
    truth = np.array([0, 1, 1, 2, 3, 4, 4, 4])
    assert Classes().shares(truth, LABEL) == (0.125, 0.25, 0.125, 0.125, 0.375)
    with pytest.raises(InvalidRequest, match="no training row is sell or strong_buy"):
        Classes().shares(np.array([0, 2, 3]), LABEL)


def test_a_class_that_training_lacks_is_named() -> None:
    fixed = Action(fixed=(-99.0, -0.5, 0.5, 1.0))
    with pytest.raises(InvalidRequest, match="no training row is strong_sell"):
        compare(hourly_rows(), fixed, (Logistic(),), Split(), 7)


def test_the_truth_is_summarized_by_rows_of_each_class() -> None:
    summary = Classes().summarize_truth(np.array([4, 4, 0]), LABEL)
    assert summary["rows_of_class"] == {
        "strong_sell": 1, "sell": 0, "hold": 0, "buy": 0, "strong_buy": 2,
    }  # fmt: skip


def test_classes_are_in_the_labels_order_whatever_the_order_of_the_model(
    comparison: Comparison,
) -> None:
    rows = hourly_rows(sessions=60, seed=2).features
    results = {result.name: result for result in comparison.ranking}
    original = results["logistic_regression"].fitted
    assert original is not None
    reordered = replace(original, predictor=deepcopy(original.predictor))
    model = reordered.predictor.pipeline.named_steps["model"]
    model.classes_, order = np.array([4, 0, 3, 1, 2]), [1, 3, 4, 2, 0]
    model_of_classes = build_model(comparison, reordered)
    scorer = OnnxScorer(to_onnx(model_of_classes, describe(comparison)))
    expected = model_of_classes.calibration.probabilities(
        original.balanced_probabilities(rows)[:, order]
    )
    np.testing.assert_allclose(scorer.score(rows)[0], expected, atol=1e-5)
