"""Register converters to ONNX for models of other libraries than scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

XGBOOST_MODEL = "XGBRegressor"


def register_converter(pipeline: Pipeline) -> None:
    """Register the converter of a pipeline's model where another library made the model.

    Registering twice does no harm.
    """
    if type(pipeline.named_steps["model"]).__name__ != XGBOOST_MODEL:
        return
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
    from xgboost import XGBRegressor

    update_registered_converter(
        XGBRegressor,
        "BullionXGBRegressor",
        calculate_linear_regressor_output_shapes,
        convert_xgboost,
        overwrite=True,
    )
