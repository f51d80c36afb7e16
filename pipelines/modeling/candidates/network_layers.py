"""A network of layers after its fit: NumPy for its predictions, and a small ONNX graph.

The graph is written by hand: seven kinds of nodes, each with the numbers that NumPy uses. The
exporter of PyTorch needs packages that nothing else here does (onnxscript), and PyTorch itself
wherever a fitted network is used; and it would export neither the scaling nor the symbol's columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.modeling.converters import INPUT, OPSETS

if TYPE_CHECKING:
    from onnx import ModelProto

IR_VERSION = 10  # of the ONNX file: what the pinned ONNX Runtime and older ones read
FARTHEST = 10.0  # in deviations: a feature beyond counts as this far from its mean


@dataclass(frozen=True, eq=False)
class Inputs:
    """How a row's columns become inputs: scaled features, and a column for each known symbol."""

    mean: np.ndarray  # of each feature, all columns but the symbol's code
    scale: np.ndarray
    codes: np.ndarray  # of the symbols; a row of another symbol has none of their columns

    @staticmethod
    def learn(features: np.ndarray) -> Inputs:
        """Learn means, deviations and codes from training rows."""
        mean, scale = features[:, :-1].mean(axis=0), features[:, :-1].std(axis=0)
        scale[~(scale > 0)] = 1.0
        return Inputs(mean, scale, np.unique(features[:, -1]))

    @property
    def count(self) -> int:
        return len(self.mean) + len(self.codes)

    def prepare(self, features: np.ndarray) -> np.ndarray:
        scaled = np.clip((features[:, :-1] - self.mean) / self.scale, -FARTHEST, FARTHEST)
        symbols = features[:, -1:] == self.codes
        inputs: np.ndarray = np.concatenate([scaled, symbols], axis=1, dtype=np.float32)
        return inputs


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """Layers of rectified units; the last gives the classes' log-odds, or the value."""

    inputs: Inputs
    layers: Sequence[tuple[np.ndarray, np.ndarray]]  # weights (a column a unit) and biases
    classes: int  # 0: it predicts values
    tuned_parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        return len(self.inputs.mean) + 1

    def predict(self, features: np.ndarray) -> np.ndarray:
        units = self.inputs.prepare(features).astype(np.float64)
        for place, (weights, biases) in enumerate(self.layers):
            units = (np.maximum(units, 0.0) if place else units) @ weights + biases
        if not self.classes:
            values: np.ndarray = units[:, 0]
            return values
        powers = np.exp(units - units.max(axis=1, keepdims=True))
        probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return probabilities

    def to_onnx(self) -> ModelProto:
        from onnx import TensorProto, helper, numpy_helper

        last = len(self.inputs.mean)
        constants: dict[str, np.ndarray] = {
            "places_of_features": np.arange(last),
            "place_of_code": np.array([last]),
            "means_of_features": self.inputs.mean,
            "scales_of_features": self.inputs.scale,
            "lowest": np.array(-FARTHEST),
            "highest": np.array(FARTHEST),
            "codes": self.inputs.codes,
        }
        nodes = [
            helper.make_node("Gather", [INPUT, "places_of_features"], ["own_features"], axis=1),
            helper.make_node("Gather", [INPUT, "place_of_code"], ["code"], axis=1),
            helper.make_node("Sub", ["own_features", "means_of_features"], ["centred"]),
            helper.make_node("Div", ["centred", "scales_of_features"], ["standardized"]),
            helper.make_node("Clip", ["standardized", "lowest", "highest"], ["near"]),
            helper.make_node("Equal", ["code", "codes"], ["is_symbol"]),
            helper.make_node("Cast", ["is_symbol"], ["symbols"], to=TensorProto.FLOAT),
            helper.make_node("Concat", ["near", "symbols"], ["inputs"], axis=1),
        ]
        units = "inputs"
        for place, (weights, biases) in enumerate(self.layers):
            if place:
                nodes.append(helper.make_node("Relu", [units], [f"rectified_{place}"]))
                units = f"rectified_{place}"
            constants |= {f"weights_{place}": weights, f"biases_{place}": biases}
            operands = [units, f"weights_{place}", f"biases_{place}"]
            units = f"units_{place}"
            nodes.append(helper.make_node("Gemm", operands, [units]))
        if self.classes:
            nodes.append(helper.make_node("Softmax", [units], ["network_probabilities"], axis=1))
            units = "network_probabilities"
        tensors = [numpy_helper.from_array(_as_tensor(v), name) for name, v in constants.items()]
        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "bullion",
            [helper.make_tensor_value_info(INPUT, floats, [None, self.columns])],
            [helper.make_tensor_value_info(units, floats, [None, self.classes or 1])],
            tensors,
        )
        opsets = [helper.make_opsetid("", OPSETS[""])]
        model: ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        return model


def _as_tensor(values: np.ndarray) -> np.ndarray:
    """Places as whole numbers, and all else in single precision."""
    whole = np.issubdtype(values.dtype, np.integer)
    return values.astype(np.int64 if whole else np.float32)
