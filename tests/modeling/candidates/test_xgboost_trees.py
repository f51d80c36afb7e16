"""XGBoost's trees: as many and as deep as declared or tuned, with the usual weight of a leaf."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines.modeling.candidates import Training, XGBoostClasses, XGBoostValues
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
CLASSES = np.digitize(ROWS.outcome, [0.0])


def test_untuned_trees_have_the_declared_rounds_and_depth() -> None:
    candidate = XGBoostClasses(trials=0, rounds=4, depth=3)
    model = candidate.fit(Training(ROWS.features, CLASSES, 2, 0)).pipeline.named_steps["model"]
    depths = [
        json.dumps(tree).count('"depth": 2') > 0
        for tree in map(json.loads, model.get_booster().get_dump(dump_format="json"))
    ]
    assert (len(depths), all(depths)) == (4, True)


@pytest.mark.parametrize("kind", [XGBoostClasses, XGBoostValues])
def test_the_same_number_of_threads_gives_the_same_trees_to_the_bit(
    kind: type[XGBoostClasses] | type[XGBoostValues],
) -> None:
    random = np.random.default_rng(4)
    features = random.normal(0, 1, (40_000, 12)).astype(np.float32)
    value = features[:, 0] + random.normal(0, 3, len(features))
    truth, classes = ((value > 0).astype(np.int64), 2) if kind is XGBoostClasses else (value, 0)
    candidate = kind(trials=0, rounds=15, depth=5, threads=2)
    assert candidate.estimator(0).get_params()["n_jobs"] == 2
    first, second = (candidate.fit(Training(features, truth, classes, 0)) for _ in range(2))
    np.testing.assert_array_equal(first.predict(features), second.predict(features))
    assert first.to_onnx().graph == second.to_onnx().graph


def test_tuned_classes_report_the_parameters_of_their_fit() -> None:
    fitted = XGBoostClasses(trials=4).fit(Training(ROWS.features, CLASSES, 2, 0))
    tuned = fitted.tuned_parameters
    assert set(tuned) == {"rounds", "rate", "depth", "leaf_rows"}
    parameters_by_fit = fitted.pipeline.named_steps["model"].get_params()
    assert parameters_by_fit["n_estimators"] == tuned["rounds"]
    assert parameters_by_fit["min_child_weight"] == tuned["leaf_rows"] / 4


def test_tuning_finds_an_effect_of_two_features_together() -> None:
    """Shallow trees cannot learn it, and the log loss of newer rows says so."""
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (1200, 4)).astype(np.float32)
    classes = (features[:, 0] * features[:, 1] + random.normal(0, 0.3, 1200) > 0).astype(np.int64)
    fitted = XGBoostClasses(depth=1, rounds=10, trials=15).fit(
        Training(features[:800], classes[:800], 2, 0)
    )
    assert fitted.tuned_parameters["depth"] > 1
    hits = fitted.predict(features[800:]).argmax(axis=1) == classes[800:]
    assert hits.mean() > 0.8


@pytest.mark.parametrize("candidate", [XGBoostClasses(trials=0), XGBoostValues(trials=0)])
def test_a_leaf_has_the_declared_rows(candidate: XGBoostClasses | XGBoostValues) -> None:
    is_classifier = isinstance(candidate, XGBoostClasses)
    truth = CLASSES if is_classifier else ROWS.outcome
    fitted = candidate.fit(Training(ROWS.features, truth, 2 if is_classifier else 0, 0))
    trees = fitted.pipeline.named_steps["model"].get_booster().trees_to_dataframe()
    leaves = trees[trees["Feature"] == "Leaf"]
    # Of a class a row weighs a quarter at the most.
    assert leaves["Cover"].min() >= candidate.leaf_rows / (4 if is_classifier else 1)
