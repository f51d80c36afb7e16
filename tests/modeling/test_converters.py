"""XGBoost's models have an ONNX form, however often the converter is registered."""

from __future__ import annotations

import numpy as np

from pipelines.modeling.candidates import BoostedValues, Ridge
from pipelines.modeling.candidates.base import fit_regressor
from pipelines.modeling.converters import register_converter
from tests.modeling.daily_rows import daily_rows

ROWS = daily_rows(400)


def test_a_model_of_xgboost_is_converted_once_its_converter_is_registered() -> None:
    from onnxruntime import InferenceSession
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    fitted = fit_regressor(BoostedValues(trials=0, rounds=5), ROWS.features, ROWS.outcome, 0)
    for _ in range(2):
        register_converter(fitted.pipeline)
    columns = [("features", FloatTensorType([None, ROWS.features.shape[1]]))]
    proto = convert_sklearn(
        fitted.pipeline, initial_types=columns, target_opset={"": 18, "ai.onnx.ml": 3}
    )
    session = InferenceSession(proto.SerializeToString())
    (values,) = session.run(None, {"features": ROWS.features})
    np.testing.assert_allclose(values[:, 0], fitted.pipeline.predict(ROWS.features), atol=1e-6)


def test_a_model_of_scikit_learn_needs_no_converter() -> None:
    from skl2onnx._supported_operators import sklearn_operator_name_map

    fitted = fit_regressor(Ridge(), ROWS.features, ROWS.outcome, 0)
    before = dict(sklearn_operator_name_map)
    register_converter(fitted.pipeline)
    assert sklearn_operator_name_map == before
