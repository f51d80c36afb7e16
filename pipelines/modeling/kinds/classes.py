"""Targets that ask for one of several classes, and for the probability of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.labels.base import Label
from pipelines.modeling.calibration import LEAST, Calibration, Model, calibrate
from pipelines.modeling.candidates.base import Candidate, Fitted, class_order, fit
from pipelines.modeling.dataset import Rows
from pipelines.modeling.kinds.base import Settled
from pipelines.modeling.metrics import Metrics, macro_f1, measure

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from pipelines.modeling.scorer import Description


class Classes:
    """Ranked by macro F1, ties by accuracy; settled by a temperature."""

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
        self, candidate: Candidate, features: np.ndarray, truth: np.ndarray, label: Label, seed: int
    ) -> Fitted:
        return fit(candidate, features, truth, len(label.classes), seed)

    def plain(self, fitted: Fitted, shares: tuple[float, ...], truth: np.ndarray) -> Model:
        return Model(fitted, Calibration(shares))

    def settle(
        self, fitted: Fitted, shares: tuple[float, ...], rows: Rows, truth: np.ndarray
    ) -> Settled:
        found = calibrate(shares, fitted.weighed(rows.features), truth, rows)
        return Settled(Model(fitted, found.calibration), found.reason)

    def measure(
        self, label: Label, truth: np.ndarray, given: np.ndarray, said: np.ndarray, rows: Rows
    ) -> Metrics:
        return measure(truth, said, given, rows.outcome, label.classes, label.scores)

    def finish(self, made: ModelProto, model: Model, description: Description) -> None:
        """Put classes in order and calibration behind the model, and give both outputs."""
        from onnx import TensorProto, helper, numpy_helper

        count = len(description.classes)
        if model.fitted.count != count or len(model.calibration.shares) != count:
            raise InvalidRequest(f"{count} class names for a model of {model.fitted.count} classes")
        graph, calibration = made.graph, model.calibration
        given = "given"
        _rename(graph.node, graph.output[1].name, given)
        constants = {
            "class_order": class_order(model.fitted.pipeline, count).astype(np.int64),
            "least": np.array(LEAST, np.float32),
            "coldness": np.array(1 / calibration.temperature, np.float32),
            "usual": np.log(calibration.shares).astype(np.float32),
        }
        for name, value in constants.items():
            graph.initializer.append(numpy_helper.from_array(value, name))
        graph.node.extend(
            [
                helper.make_node("Gather", [given, "class_order"], ["weighed"], axis=1),
                helper.make_node("ArgMax", ["weighed"], ["action"], axis=1, keepdims=0),
                helper.make_node("Clip", ["weighed", "least"], ["at_least"]),
                helper.make_node("Log", ["at_least"], ["logs"]),
                helper.make_node("Mul", ["logs", "coldness"], ["tempered"]),
                helper.make_node("Add", ["tempered", "usual"], ["weighted"]),
                helper.make_node("Softmax", ["weighted"], ["probabilities"], axis=1),
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
        self, of: str, metrics: Metrics, truth: np.ndarray, given: np.ndarray
    ) -> dict[str, bytes]:
        from pipelines.modeling import class_pictures as pictures

        return pictures.judged(of, metrics, truth, given)

    def tables(self, metrics: Metrics) -> dict[str, Any]:
        return {"confusion": metrics.confusion.tolist()}

    def spread_of(self, truth: np.ndarray, label: Label) -> dict[str, Any]:
        counts = np.bincount(truth, minlength=len(label.classes)).tolist()
        return {"rows_of_class": dict(zip(label.classes, counts, strict=True))}

    def fit_of(self, truth: np.ndarray, said: np.ndarray, label: Label) -> float:
        return macro_f1(truth, said, len(label.classes))


def _rename(nodes: list[NodeProto], old: str, new: str) -> None:
    for node in nodes:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
