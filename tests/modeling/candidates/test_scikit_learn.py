"""A pipeline as a candidate: how rows are weighed, classes are ordered, and codes are spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import ExtraTrees, Logistic, RandomForest, Ridge, Training
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
TRAINING = Training(ROWS.features, np.digitize(ROWS.outcome, [-0.5, 0.5]), 3, 4)


def test_rows_are_weighed_by_how_rare_their_class_is() -> None:
    from sklearn.linear_model import LogisticRegression

    candidate, x = Logistic(scaled=False), TRAINING.features
    alone = LogisticRegression(C=0.1, max_iter=500, random_state=4, class_weight="balanced")
    expected = alone.fit(x, TRAINING.truth).predict_proba(x)
    np.testing.assert_allclose(candidate.fit(TRAINING).predict(x), expected, atol=1e-6)


def test_values_all_count_alike() -> None:
    from sklearn.linear_model import Ridge as RidgeRegression

    training = replace(TRAINING, truth=ROWS.outcome, classes=0)
    alone = RidgeRegression(alpha=1000.0).fit(ROWS.features, ROWS.outcome)
    values = Ridge(scaled=False).fit(training).predict(ROWS.features)
    np.testing.assert_allclose(values, alone.predict(ROWS.features), atol=1e-9)


@pytest.mark.parametrize(("scaled", "columns"), [(False, 7), (True, 6 + 4)])
def test_a_code_is_a_column_a_symbol_where_distances_are_measured(
    scaled: bool, columns: int
) -> None:
    fitted = Logistic(scaled=scaled).fit(TRAINING)
    assert fitted.pipeline.named_steps["model"].coef_.shape == (3, columns)
    assert fitted.columns == 7


@pytest.mark.parametrize("forest", [RandomForest(trees=4), ExtraTrees(trees=4)])
def test_trees_are_summed_in_one_order_once_they_are_fitted(forest: RandomForest) -> None:
    assert forest.fit(TRAINING).pipeline.named_steps["model"].n_jobs == 1


def test_a_class_that_is_missing_is_no_guess() -> None:
    fitted = Logistic().fit(replace(TRAINING, truth=ROWS.symbol % 2))
    with pytest.raises(InvalidRequest, match=r"a model of classes \[0, 1\], where there are 3"):
        fitted.predict(ROWS.features)


def test_its_graph_returns_the_prediction_first() -> None:
    from onnxruntime import InferenceSession

    for training in (TRAINING, replace(TRAINING, truth=ROWS.outcome, classes=0)):
        fitted = (Logistic() if training.classes else Ridge()).fit(training)
        session = InferenceSession(fitted.to_onnx().SerializeToString())
        prediction = session.run(None, {"features": ROWS.features})[0]
        expected = fitted.predict(ROWS.features).reshape(prediction.shape)
        np.testing.assert_allclose(prediction, expected, atol=1e-5)
