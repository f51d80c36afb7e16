"""Models of other libraries have an ONNX form, however often a converter is registered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.modeling.candidates import (
    Candidate,
    LightGBMClasses,
    LightGBMValues,
    Logistic,
    Ridge,
    Training,
    XGBoostClasses,
    XGBoostValues,
)
from pipelines.modeling.candidates.base import fit_regressor
from pipelines.modeling.converters import (
    convert_pipeline,
    order_classes,
    register_converter,
    rename_tensor,
)
from tests.modeling.daily_rows import daily_rows

ROWS = daily_rows(400)


def run(proto: Any, features: np.ndarray = ROWS.features) -> list[np.ndarray]:
    from onnxruntime import InferenceSession

    outputs: list[np.ndarray] = InferenceSession(proto.SerializeToString()).run(
        None, {"features": features}
    )
    return outputs


@pytest.mark.parametrize(
    "candidate", [XGBoostValues(trials=0, rounds=5), LightGBMValues(rounds=5)], ids=lambda c: c.name
)
def test_values_of_another_library_are_converted_once_its_converter_is_registered(
    candidate: Candidate,
) -> None:
    fitted = fit_regressor(candidate, ROWS.features, ROWS.outcome, 0)
    for _ in range(2):
        register_converter(fitted.predictor.pipeline)
    proto = convert_pipeline(fitted.predictor.pipeline, ROWS.features.shape[1])
    (values,) = run(proto)
    expected = fitted.predictor.pipeline.predict(ROWS.features)
    np.testing.assert_allclose(values[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "candidate",
    [XGBoostClasses(trials=0, rounds=5), LightGBMClasses(rounds=5)],
    ids=lambda c: c.name,
)
def test_a_classifier_of_another_library_gives_an_array_of_probabilities(
    candidate: Candidate,
) -> None:
    pipeline: Any = candidate.fit(
        Training(ROWS.features, np.digitize(ROWS.outcome, [-0.01, 0.01]), 3, 0)
    )
    proto = convert_pipeline(pipeline.pipeline, ROWS.features.shape[1])
    expected = pipeline.pipeline.predict_proba(ROWS.features)
    np.testing.assert_allclose(run(proto)[1], expected, atol=1e-6)


def test_a_model_of_scikit_learn_needs_no_converter() -> None:
    from skl2onnx._supported_operators import sklearn_operator_name_map

    fitted = fit_regressor(Ridge(), ROWS.features, ROWS.outcome, 0)
    before = dict(sklearn_operator_name_map)
    register_converter(fitted.predictor.pipeline)
    assert sklearn_operator_name_map == before


def test_a_classifiers_graph_returns_its_classes_in_the_order_asked_for() -> None:
    training = Training(ROWS.features, np.digitize(ROWS.outcome, [-0.01, 0.01]), 3, 0)
    pipeline = Logistic().fit(training).pipeline
    proto = convert_pipeline(pipeline, ROWS.features.shape[1])
    order_classes(proto, np.array([2, 0, 1]))
    assert [output.name for output in proto.graph.output] == ["balanced"]
    expected = pipeline.predict_proba(ROWS.features)[:, [2, 0, 1]]
    np.testing.assert_allclose(run(proto)[0], expected, atol=1e-6)


def test_a_tensor_is_renamed_wherever_it_stands() -> None:
    training = Training(ROWS.features, np.digitize(ROWS.outcome, [0.0]), 2, 0)
    proto = Logistic().fit(training).to_onnx()
    before = run(proto)[0]
    rename_tensor(proto, "fitted_probabilities", "raw")
    names = {name for node in proto.graph.node for name in (*node.input, *node.output)}
    assert "raw" in names
    assert "fitted_probabilities" not in names
    np.testing.assert_array_equal(run(proto)[0], before)
