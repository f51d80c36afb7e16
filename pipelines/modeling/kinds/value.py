"""Targets that are the outcome itself, predicted with an interval around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.labels.base import Label
from pipelines.modeling import spread
from pipelines.modeling.candidates.base import Candidate, FittedValue, fit_regressor
from pipelines.modeling.dataset import Rows
from pipelines.modeling.evidence_rows import EvidenceRow, value_rows
from pipelines.modeling.kinds.base import CalibratedModel, Publishing
from pipelines.modeling.metrics import rank_auc
from pipelines.modeling.spread import ValueModel
from pipelines.modeling.value_metrics import ValueMetrics, measure, r2

if TYPE_CHECKING:
    from onnx import ModelProto

    from pipelines.modeling.description import Description

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)  # in the summary of the truth


class Value:
    """Ranked by the root of the mean squared error, ties by the mean error; calibrated by a spread.

    There are no classes, and so no shares of them.
    """

    name = "value"
    fit_name = "R squared"

    def shares(self, truth: np.ndarray, label: Label) -> tuple[float, ...]:
        if not len(truth) or not np.isfinite(truth).all() or np.ptp(truth) == 0:
            raise InvalidRequest(
                f"{label.name} is missing, or the same, in all training rows",
                "train on a longer span",
            )
        return ()

    def fit(
        self,
        candidate: Candidate,
        features: np.ndarray,
        truth: np.ndarray,
        label: Label,
        seed: int,
        names: Sequence[str] = (),
    ) -> FittedValue:
        return fit_regressor(candidate, features, truth, seed, names)

    def predict_uncalibrated(
        self, fitted: FittedValue, publishing: Publishing, rows: Rows
    ) -> tuple[np.ndarray, np.ndarray]:
        return ValueModel(fitted, spread.uncalibrated_spread(fitted)).score(rows.features)

    def calibrate(
        self, fitted: FittedValue, publishing: Publishing, rows: Rows, truth: np.ndarray
    ) -> CalibratedModel:
        calibrated, reason = spread.calibrate_spread(fitted, rows, truth)
        return CalibratedModel(ValueModel(fitted, calibrated), reason)

    def learned(self, model: ValueModel) -> dict[str, Any]:
        return {}

    def measure(
        self,
        label: Label,
        truth: np.ndarray,
        outputs: np.ndarray,
        predictions: np.ndarray,
        rows: Rows,
    ) -> ValueMetrics:
        return measure(truth, predictions, outputs)

    def auc(self, truth: np.ndarray, outputs: np.ndarray) -> float:
        """How well the value ranks rises before all else."""
        return rank_auc(truth > 0, outputs[:, 0])

    def finish_graph(self, proto: ModelProto, model: ValueModel, description: Description) -> None:
        """Clip the value to those of training rows, and append the interval."""
        from onnx import TensorProto, helper, numpy_helper

        graph, fitted, node = proto.graph, model.fitted, helper.make_node
        raw = graph.output[0].name  # a column
        _add_constants(
            graph,
            least=fitted.least,
            most=fitted.most,
            ends=[[0.0, model.spread.low, model.spread.high]],
        )
        graph.node.append(node("Clip", [raw, "least", "most"], ["clipped_value"]))
        ends = _add_width(graph, model) if model.spread.width else "ends"
        graph.node.append(node("Add", ["clipped_value", ends], ["interval"]))
        graph.initializer.append(numpy_helper.from_array(np.array([-1]), "flat"))
        graph.node.append(node("Reshape", ["clipped_value", "flat"], ["value"]))
        del graph.output[:]
        graph.output.extend(
            [
                helper.make_tensor_value_info("interval", TensorProto.FLOAT, [None, 3]),
                helper.make_tensor_value_info("value", TensorProto.FLOAT, [None]),
            ]
        )

    def pictures(
        self, subject: str, metrics: ValueMetrics, truth: np.ndarray, outputs: np.ndarray
    ) -> dict[str, bytes]:
        from pipelines.modeling import value_pictures

        return value_pictures.draw_predictions(subject, metrics, truth, outputs)

    def tables(self, metrics: ValueMetrics) -> dict[str, Any]:
        return {}

    def evidence_rows(
        self, label: Label, truth: np.ndarray, outputs: np.ndarray, predictions: np.ndarray
    ) -> list[EvidenceRow]:
        return value_rows(truth, outputs)

    def summarize_truth(self, truth: np.ndarray, label: Label) -> dict[str, Any]:
        cuts = np.quantile(truth, QUANTILES).tolist() if len(truth) else []
        quantiles = {f"{q:g}": cut for q, cut in zip(QUANTILES, cuts, strict=bool(cuts))}
        return {"rows": len(truth), "unit": label.unit, "quantiles": quantiles}

    def measure_fit(self, truth: np.ndarray, predictions: np.ndarray, label: Label) -> float:
        return r2(truth, predictions)


def _add_width(graph: Any, model: ValueModel) -> str:
    """Append the width of each row, as width.py computes it; returns the name of the wide ends."""
    from onnx import helper

    width = model.spread.width
    assert width is not None
    _add_constants(
        graph,
        middle=width.mean,
        scale=width.scale,
        weights=width.weights[:, None],
        base=width.base,
        narrowest=width.least,
        widest=width.most,
    )
    steps = [
        ("Sub", [graph.input[0].name, "middle"], "moved"),
        ("Div", ["moved", "scale"], "scaled"),
        ("MatMul", ["scaled", "weights"], "weighted"),
        ("Add", ["weighted", "base"], "logs"),
        ("Clip", ["logs", "narrowest", "widest"], "within"),
        ("Exp", ["within"], "width"),
        ("Mul", ["width", "ends"], "widened"),
    ]
    graph.node.extend(
        helper.make_node(operator, inputs, [output]) for operator, inputs, output in steps
    )
    return "widened"


def _add_constants(graph: Any, **values: Any) -> None:
    from onnx import numpy_helper

    for name, value in values.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
