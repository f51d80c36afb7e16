"""Targets that ask for the outcome itself, and for an interval that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.labels.base import Label
from pipelines.modeling import spread
from pipelines.modeling.candidates.base import Candidate, FittedValue, fit_values
from pipelines.modeling.dataset import Rows
from pipelines.modeling.kinds.base import Settled
from pipelines.modeling.spread import ValueModel
from pipelines.modeling.values import ValueMetrics, measure, r2

if TYPE_CHECKING:
    from onnx import ModelProto

    from pipelines.modeling.scorer import Description

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)  # that tell what some rows became


class Value:
    """Ranked by the root of the mean squared error, ties by the mean error; settled by an interval.

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
        self, candidate: Candidate, features: np.ndarray, truth: np.ndarray, label: Label, seed: int
    ) -> FittedValue:
        return fit_values(candidate, features, truth, seed)

    def plain(
        self, fitted: FittedValue, shares: tuple[float, ...], truth: np.ndarray
    ) -> ValueModel:
        return ValueModel(fitted, spread.plain(fitted))

    def settle(
        self, fitted: FittedValue, shares: tuple[float, ...], rows: Rows, truth: np.ndarray
    ) -> Settled:
        found, reason = spread.learn(fitted, rows, truth)
        return Settled(ValueModel(fitted, found), reason)

    def measure(
        self, label: Label, truth: np.ndarray, given: np.ndarray, said: np.ndarray, rows: Rows
    ) -> ValueMetrics:
        return measure(truth, said, given)

    def finish(self, made: ModelProto, model: ValueModel, description: Description) -> None:
        """Hold the value within what training rows became, put the interval beside it."""
        from onnx import TensorProto, helper, numpy_helper

        graph, fitted, node = made.graph, model.fitted, helper.make_node
        told = graph.output[0].name  # a column
        _constants(
            graph,
            least=fitted.least,
            most=fitted.most,
            ends=[[0.0, model.spread.low, model.spread.high]],
        )
        graph.node.append(node("Clip", [told, "least", "most"], ["held"]))
        ends = _widened(graph, model) if model.spread.width else "ends"
        graph.node.append(node("Add", ["held", ends], ["interval"]))
        graph.initializer.append(numpy_helper.from_array(np.array([-1]), "flat"))
        graph.node.append(node("Reshape", ["held", "flat"], ["value"]))
        del graph.output[:]
        graph.output.extend(
            [
                helper.make_tensor_value_info("interval", TensorProto.FLOAT, [None, 3]),
                helper.make_tensor_value_info("value", TensorProto.FLOAT, [None]),
            ]
        )

    def pictures(
        self, of: str, metrics: ValueMetrics, truth: np.ndarray, given: np.ndarray
    ) -> dict[str, bytes]:
        from pipelines.modeling import value_pictures

        return value_pictures.judged(of, metrics, truth, given)

    def tables(self, metrics: ValueMetrics) -> dict[str, Any]:
        return {}

    def spread_of(self, truth: np.ndarray, label: Label) -> dict[str, Any]:
        cuts = np.quantile(truth, QUANTILES).tolist() if len(truth) else []
        told = {f"{q:g}": cut for q, cut in zip(QUANTILES, cuts, strict=bool(cuts))}
        return {"rows": len(truth), "unit": label.unit, "quantiles": told}

    def fit_of(self, truth: np.ndarray, said: np.ndarray, label: Label) -> float:
        return r2(truth, said)


def _widened(graph: Any, model: ValueModel) -> str:
    """The ends times the width of each row, as width.py computes it."""
    from onnx import helper

    width = model.spread.width
    assert width is not None
    _constants(
        graph,
        middle=width.middle,
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
    graph.node.extend(helper.make_node(what, takes, [gives]) for what, takes, gives in steps)
    return "widened"


def _constants(graph: Any, **values: Any) -> None:
    from onnx import numpy_helper

    for name, value in values.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
