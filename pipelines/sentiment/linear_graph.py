"""The ONNX graph of a linear model over buckets, with weights of eight bits.

A bucket has a scale s and a weight a label. A title's score of a label is the sum of s * weight
over its buckets, divided by the length of the vector of its s, plus the label's bias. The graph
holds s and s * weight as whole numbers with one unit each, gathers the rows of a title, and ends
with a softmax at the calibrated temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

OPSET = 17
IR_VERSION = 8
INPUT, OUTPUT = "buckets", "probabilities"
STEPS = 127  # of a signed byte


@dataclass(frozen=True)
class LinearModel:
    """A linear model over buckets, as it was learned."""

    scales: np.ndarray  # buckets
    weights: np.ndarray  # buckets x labels
    biases: np.ndarray
    temperature: float = 1.0

    def to_onnx(self, metadata: Mapping[str, str]) -> bytes:
        """Return the bytes of the ONNX file; the row after the last bucket is padding's."""
        from onnx import TensorProto, checker, helper, numpy_helper

        scales, scale_unit = _as_bytes(self.scales[:, None])
        weights, weight_unit = _as_bytes(self.scales[:, None] * self.weights)
        constants = {
            "scales": scales,
            "scale_unit": np.float32(scale_unit),
            "weights": weights,
            "weight_unit": np.float32(weight_unit),
            "biases": self.biases.astype(np.float32),
            "least": np.float32(1e-6),
            "temperature": np.float32(self.temperature),
            "axis": np.array([1], dtype=np.int64),
        }
        node = helper.make_node
        nodes = [
            node("Gather", ["weights", INPUT], ["weight_bytes"], axis=0),
            node("Cast", ["weight_bytes"], ["weight_steps"], to=TensorProto.FLOAT),
            node("ReduceSum", ["weight_steps", "axis"], ["step_sums"], keepdims=0),
            node("Mul", ["step_sums", "weight_unit"], ["sums"]),
            node("Gather", ["scales", INPUT], ["scale_bytes"], axis=0),  # titles x parts x 1
            node("Cast", ["scale_bytes"], ["scale_steps"], to=TensorProto.FLOAT),
            # Sums of whole numbers are exact in any order: a title's probabilities are the same to
            # the bit, whatever else is in its batch and however far that is padded.
            node("Mul", ["scale_steps", "scale_steps"], ["squares"]),
            node("ReduceSum", ["squares", "axis"], ["square_sums"], keepdims=0),
            node("Sqrt", ["square_sums"], ["step_lengths"]),
            node("Mul", ["step_lengths", "scale_unit"], ["lengths"]),
            node("Max", ["lengths", "least"], ["divisors"]),
            node("Div", ["sums", "divisors"], ["means"]),
            node("Add", ["means", "biases"], ["logits"]),
            node("Div", ["logits", "temperature"], ["calibrated"]),
            node("Softmax", ["calibrated"], [OUTPUT], axis=1),
        ]
        graph = helper.make_graph(
            nodes,
            "headlines",
            [helper.make_tensor_value_info(INPUT, TensorProto.INT32, ["titles", "parts"])],
            [
                helper.make_tensor_value_info(
                    OUTPUT, TensorProto.FLOAT, ["titles", len(self.biases)]
                )
            ],
            [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        helper.set_model_props(model, dict(metadata))
        checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def _as_bytes(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Return values as signed bytes with a row of zeros after them, and the unit of a step."""
    unit = float(np.abs(values).max()) / STEPS or 1.0
    steps = np.rint(values / unit).astype(np.int8)
    return np.vstack([steps, np.zeros((1, values.shape[1]), np.int8)]), unit
