"""Targets that are one of several classes, predicted with the probability of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.labels.base import Label
from pipelines.modeling.calibration import SMALLEST_PROBABILITY, Calibration, ClassModel, calibrate
from pipelines.modeling.candidates.base import Candidate, Fitted, fit_classifier
from pipelines.modeling.converters import rename_tensor
from pipelines.modeling.dataset import Rows
from pipelines.modeling.evidence_rows import EvidenceRow, class_rows
from pipelines.modeling.kinds.base import CalibratedModel, Publishing
from pipelines.modeling.metrics import ClassificationMetrics, macro_f1, mean_auc, measure

if TYPE_CHECKING:
    from onnx import ModelProto

    from pipelines.modeling.description import Description


class Classes:
    """Ranked by macro F1, ties by accuracy, then log loss; two classes by ROC AUC first.

    Calibrated by a temperature.

    Actions are chosen by the target's rule, which learns its thresholds from the rows that
    calibrate: it looks at probabilities alone, and at no outcome.
    """

    name, fit_name = "classes", "macro F1"

    def shares(self, truth: np.ndarray, label: Label) -> tuple[float, ...]:
        counts = np.bincount(truth, minlength=len(label.classes))
        missing = [name for name, count in zip(label.classes, counts, strict=True) if not count]
        if missing:
            raise InvalidRequest(
                f"no training row is {' or '.join(missing)}",
                "train on a longer span, or cut the label elsewhere",
            )
        return tuple((counts / counts.sum()).tolist())

    def fit(
        self,
        candidate: Candidate,
        features: np.ndarray,
        truth: np.ndarray,
        label: Label,
        seed: int,
        names: Sequence[str] = (),
    ) -> Fitted:
        return fit_classifier(candidate, features, truth, len(label.classes), seed, names)

    def predict_uncalibrated(
        self, fitted: Fitted, publishing: Publishing, rows: Rows
    ) -> tuple[np.ndarray, np.ndarray]:
        balanced = fitted.balanced_probabilities(rows.features)
        model = _build_model(fitted, publishing, Calibration(publishing.shares), balanced)
        return model.decide(balanced)

    def calibrate(
        self, fitted: Fitted, publishing: Publishing, rows: Rows, truth: np.ndarray
    ) -> CalibratedModel:
        balanced = fitted.balanced_probabilities(rows.features)
        report = calibrate(publishing.shares, balanced, truth, rows)
        model = _build_model(fitted, publishing, report.calibration, balanced)
        return CalibratedModel(model, report.reason)

    def learned(self, model: ClassModel) -> dict[str, Any]:
        return {
            "rule": model.rule.name,
            "score_thresholds": model.score_thresholds,
            "scores": model.scores,
        }

    def measure(
        self,
        label: Label,
        truth: np.ndarray,
        outputs: np.ndarray,
        predictions: np.ndarray,
        rows: Rows,
    ) -> ClassificationMetrics:
        return measure(truth, predictions, outputs, rows.outcome, label.classes, label.scores)

    def auc(self, truth: np.ndarray, outputs: np.ndarray) -> float:
        return mean_auc(truth, outputs)

    def finish_graph(self, proto: ModelProto, model: ClassModel, description: Description) -> None:
        """Append the calibration and the rule; return probabilities and action."""
        from onnx import TensorProto, helper, numpy_helper

        count = len(description.classes)
        if model.fitted.count != count or len(model.calibration.shares) != count:
            raise InvalidRequest(f"{count} class names for a model of {model.fitted.count} classes")
        graph, calibration = proto.graph, model.calibration
        rename_tensor(proto, graph.output[0].name, "balanced")
        constants = {
            "smallest": np.array(SMALLEST_PROBABILITY, np.float32),
            "inverse_temperature": np.array(1 / calibration.temperature, np.float32),
            "log_prior": np.log(calibration.shares).astype(np.float32),
        }
        rule_constants, rule_nodes = model.rule.build_nodes(model.scores, model.score_thresholds)
        for name, value in {**constants, **rule_constants}.items():
            graph.initializer.append(numpy_helper.from_array(value, name))
        graph.node.extend(
            [
                helper.make_node("Clip", ["balanced", "smallest"], ["clipped"]),
                helper.make_node("Log", ["clipped"], ["logs"]),
                helper.make_node("Mul", ["logs", "inverse_temperature"], ["tempered"]),
                helper.make_node("Add", ["tempered", "log_prior"], ["weighted"]),
                helper.make_node("Softmax", ["weighted"], ["probabilities"], axis=1),
                *rule_nodes,
            ]
        )
        del graph.output[:]
        graph.output.extend(
            [
                helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, count]),
                helper.make_tensor_value_info("action", TensorProto.INT64, [None]),
            ]
        )

    def pictures(
        self, subject: str, metrics: ClassificationMetrics, truth: np.ndarray, outputs: np.ndarray
    ) -> dict[str, bytes]:
        from pipelines.modeling import class_pictures as pictures

        return pictures.draw_predictions(subject, metrics, truth, outputs)

    def tables(self, metrics: ClassificationMetrics) -> dict[str, Any]:
        return {"confusion": metrics.confusion.tolist()}

    def evidence_rows(
        self, label: Label, truth: np.ndarray, outputs: np.ndarray, predictions: np.ndarray
    ) -> list[EvidenceRow]:
        return class_rows(label, truth, outputs, predictions)

    def summarize_truth(self, truth: np.ndarray, label: Label) -> dict[str, Any]:
        counts = np.bincount(truth, minlength=len(label.classes)).tolist()
        return {"rows_of_class": dict(zip(label.classes, counts, strict=True))}

    def measure_fit(self, truth: np.ndarray, predictions: np.ndarray, label: Label) -> float:
        return macro_f1(truth, predictions, len(label.classes))


def _build_model(
    fitted: Fitted, publishing: Publishing, calibration: Calibration, balanced: np.ndarray
) -> ClassModel:
    """Let the rule learn from balanced probabilities, and build the model."""
    scores, rule = publishing.label.scores, publishing.rule
    thresholds = rule.learn(calibration.probabilities(balanced), scores, publishing.shares)
    return ClassModel(fitted, calibration, rule, scores, thresholds)
