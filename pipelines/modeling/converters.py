"""Convert pipelines to ONNX, whichever library made their estimator.

skl2onnx knows scikit-learn's estimators; those of XGBoost and LightGBM have converters in
onnxmltools, which are registered for the class of the estimator.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.pipeline import Pipeline

OPSETS = {"": 18, "ai.onnx.ml": 3}
INPUT = "features"  # of every model's graph


def convert_pipeline(pipeline: Pipeline, columns: int) -> ModelProto:
    """Convert a pipeline of so many columns; a classifier gives its label and probabilities."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    register_converter(pipeline)
    model = pipeline.named_steps["model"]
    # A classifier's probabilities as one array, and not as a list of maps.
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else {}
    # The converter reads attributes that scikit-learn is about to drop, and warns each time.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        proto: ModelProto = convert_sklearn(
            pipeline,
            name="bullion",
            initial_types=[(INPUT, FloatTensorType([None, columns]))],
            options=options,
            target_opset=OPSETS,
        )
    return proto


def order_classes(proto: ModelProto, order: np.ndarray) -> None:
    """Let a classifier's graph return its probabilities alone, a column a class in that order."""
    from onnx import TensorProto, helper, numpy_helper

    graph, raw = proto.graph, "fitted_probabilities"
    rename_tensor(proto, graph.output[1].name, raw)
    graph.initializer.append(numpy_helper.from_array(order.astype(np.int64), "class_order"))
    graph.node.append(helper.make_node("Gather", [raw, "class_order"], ["balanced"], axis=1))
    del graph.output[:]
    shape = [None, len(order)]
    graph.output.append(helper.make_tensor_value_info("balanced", TensorProto.FLOAT, shape))


def rename_tensor(proto: ModelProto, old: str, new: str) -> None:
    """Give a tensor inside a graph another name."""
    for node in proto.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new


def register_converter(pipeline: Pipeline) -> None:
    """Register the converter of a pipeline's estimator where another library made it.

    Registering twice does no harm.
    """
    estimator = type(pipeline.named_steps["model"])
    converter = _CONVERTERS.get(estimator.__module__.partition(".")[0])
    if converter is None:
        return
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator as shapes

    name = f"Bullion{estimator.__name__}"
    if hasattr(estimator, "predict_proba"):
        update_registered_converter(
            estimator,
            name,
            shapes.calculate_linear_classifier_output_shapes,
            converter(),
            overwrite=True,
            options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
        )
    else:
        calculate = shapes.calculate_linear_regressor_output_shapes
        update_registered_converter(estimator, name, calculate, converter(), overwrite=True)


def _xgboost_converter() -> Callable[..., None]:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

    return convert_xgboost  # type: ignore[no-any-return]


def _lightgbm_converter() -> Callable[..., None]:
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    return convert_lightgbm  # type: ignore[no-any-return]


_CONVERTERS: Mapping[str, Callable[[], Callable[..., None]]] = {
    "xgboost": _xgboost_converter,
    "lightgbm": _lightgbm_converter,
}
