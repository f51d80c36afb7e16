"""LightGBM's trees: as declared, and cut where single precision can cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.modeling.candidates import LightGBMClasses, LightGBMValues, Training
from pipelines.modeling.candidates.lightgbm_trees import round_down
from tests.laws import law
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
CLASSES = np.digitize(ROWS.outcome, [-0.5, 0.5])


def cuts(candidate: LightGBMClasses | LightGBMValues, training: Training) -> np.ndarray:
    trees = candidate.fit(training).pipeline.named_steps["model"].booster_.trees_to_dataframe()
    thresholds: np.ndarray = trees["threshold"].dropna().to_numpy()
    return thresholds


def test_classes_have_the_declared_rounds_leaves_and_rows() -> None:
    candidate = LightGBMClasses(rounds=4, leaves=5, leaf_rows=80)
    fitted = candidate.fit(Training(ROWS.features, CLASSES, 3, 0))
    trees = fitted.pipeline.named_steps["model"].booster_.trees_to_dataframe()
    leaves = trees[trees["left_child"].isna()]
    assert trees["tree_index"].nunique() == 4 * 3, "a tree for each round and class"
    assert leaves.groupby("tree_index").size().max() == 5
    assert leaves["count"].min() >= 80


def test_cuts_are_numbers_of_single_precision() -> None:
    for candidate, truth, classes in (
        (LightGBMClasses(rounds=5), CLASSES, 3),
        (LightGBMValues(rounds=5), ROWS.outcome, 0),
    ):
        thresholds = cuts(candidate, Training(ROWS.features, truth, classes, 0))
        assert len(thresholds) > 20
        np.testing.assert_array_equal(thresholds, thresholds.astype(np.float32).astype(np.float64))


def test_rounded_cuts_part_the_training_rows_as_lightgbm_did() -> None:
    from lightgbm import LGBMRegressor

    candidate = LightGBMValues(rounds=20)
    fitted = candidate.fit(Training(ROWS.features, ROWS.outcome, 0, 3))
    alone = candidate.estimator(3)
    assert isinstance(alone, LGBMRegressor)
    expected = alone.fit(ROWS.features, ROWS.outcome).predict(ROWS.features)
    np.testing.assert_array_equal(fitted.predict(ROWS.features), expected)


def test_the_same_number_of_threads_gives_the_same_trees_to_the_bit() -> None:
    random = np.random.default_rng(4)
    features = random.normal(0, 1, (40_000, 12)).astype(np.float32)
    truth = (features[:, 0] + random.normal(0, 3, len(features)) > 0).astype(np.int64)
    candidate = LightGBMClasses(rounds=15, threads=2)
    assert candidate.estimator(0).get_params()["n_jobs"] == 2
    first, second = (candidate.fit(Training(features, truth, 2, 0)) for _ in range(2))
    np.testing.assert_array_equal(first.predict(features), second.predict(features))
    assert first.to_onnx().graph == second.to_onnx().graph


@law(300)
@given(
    st.floats(-1e30, 1e30),
    st.floats(-(2.0**99), 2.0**99, width=32),
)
def test_no_number_of_single_precision_lies_between_a_cut_and_its_rounding(
    cut: float, feature: float
) -> None:
    rounded = round_down(cut)
    assert rounded == float(np.float32(rounded))
    assert (feature <= rounded) == (feature <= cut)
    above = np.nextafter(np.float32(rounded), np.float32(np.inf))
    assert rounded <= cut < float(above)
