"""The way of a model to ONNX, and how far it comes out from the original.

What the file takes and gives is said in scorer.py, which reads it.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pipelines.errors import InvalidRequest
from pipelines.modeling.calibration import LEAST, Model
from pipelines.modeling.candidates.base import class_order
from pipelines.modeling.scorer import PREFIX, Description, OnnxScorer, UnreadableModel, checksum

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSETS = {"": 18, "ai.onnx.ml": 3}
AT_ONCE = 20_000  # rows compared at a time

__all__ = ["Description", "OnnxScorer", "UnreadableModel", "checksum", "parity", "to_onnx"]


def to_onnx(model: Model, description: Description) -> bytes:
    """The model with its calibration, as the bytes of an ONNX file."""
    from onnx import checker
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    count = len(description.classes)
    if model.fitted.count != count or len(model.calibration.shares) != count:
        raise InvalidRequest(f"{count} class names for a model of {model.fitted.count} classes")
    pipeline = model.fitted.pipeline
    if pipeline.n_features_in_ != description.columns:
        raise InvalidRequest(
            f"{len(description.features)} feature names and the symbol's code for a model of"
            f" {pipeline.n_features_in_} columns"
        )
    # The converter reads attributes that scikit-learn is about to drop, and tells everyone.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        made: ModelProto = convert_sklearn(
            pipeline,
            name="bullion",
            initial_types=[("features", FloatTensorType([None, description.columns]))],
            options={id(pipeline.named_steps["model"]): {"zipmap": False}},
            target_opset=OPSETS,
        )
    _finish(made, model, count)
    for key, value in asdict(description).items():
        entry = made.metadata_props.add()
        entry.key, entry.value = PREFIX + key, json.dumps(value)
    # The converter takes them from a set, whose order changes from process to process.
    made.opset_import.sort(key=lambda one: one.domain)
    checker.check_model(made)
    content: bytes = made.SerializeToString()
    return content


def _finish(made: ModelProto, model: Model, count: int) -> None:
    """Put classes in order and calibration behind the model, and give both outputs."""
    from onnx import TensorProto, helper, numpy_helper

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


def _rename(nodes: list[NodeProto], old: str, new: str) -> None:
    for node in nodes:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new


def parity(scorer: OnnxScorer, model: Model, features: np.ndarray) -> float:
    """The largest difference between the original's probabilities and the ONNX form's."""
    worst = 0.0
    for first in range(0, len(features), AT_ONCE):
        some = features[first : first + AT_ONCE]
        apart = np.abs(scorer.probabilities(some) - model.score(some)[0]).max()
        worst = max(worst, float(apart)) if np.isfinite(apart) else float("inf")
    return worst
