"""What every registered candidate must be, and the subset that some are fitted on."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.modeling.candidates import CANDIDATES, Logistic, fit_classifier, parameters
from pipelines.modeling.candidates.base import MEDIAN_ROWS, feature_medians, sample_rows
from tests.modeling.hourly_rows import hourly_rows


def test_each_candidate_has_its_own_name_and_reports_its_parameters() -> None:
    assert len({candidate.name for candidate in CANDIDATES}) == len(CANDIDATES) == 7
    for candidate in CANDIDATES:
        assert parameters(candidate)["name"] == candidate.name
        assert hash(candidate) == hash(type(candidate)())


def test_importing_the_candidates_loads_no_training_library() -> None:
    code = (
        "import sys; import pipelines.gates, pipelines.modeling.candidates,"
        " pipelines.modeling.compare, pipelines.modeling.converters;"
        "print({'sklearn', 'xgboost', 'lightgbm', 'torch', 'optuna', 'onnx',"
        " 'skl2onnx', 'onnxmltools', 'onnxruntime',"
        " 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "set()"


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=400), st.integers(5, 100), st.integers(0, 9)
)
def test_a_subset_has_as_many_rows_of_every_class_as_it_can(
    classes: list[int], most: int, seed: int
) -> None:
    labels = np.array(classes)
    sample = sample_rows(labels, 5, most, seed)
    assert (np.diff(sample) > 0).all()
    if len(labels) <= most:
        assert len(sample) == len(labels)
        return
    counts, available = np.bincount(labels[sample], minlength=5), np.bincount(labels, minlength=5)
    np.testing.assert_array_equal(counts, np.minimum(available, most // 5))
    np.testing.assert_array_equal(sample, sample_rows(labels, 5, most, seed))


def test_a_subset_is_spread_over_all_of_time() -> None:
    classes = np.random.default_rng(0).choice(5, 40_000, p=(0.1, 0.2, 0.4, 0.2, 0.1))
    sample = sample_rows(classes, 5, 5000, 3)
    tenths = np.histogram(sample, bins=10, range=(0, len(classes)))[0]
    assert tenths.min() > 450
    assert tenths.max() < 550


def test_classes_count_alike_however_rare_they_are() -> None:
    """Features that predict nothing make all classes equally probable."""
    rows = hourly_rows()
    classes = np.random.default_rng(0).choice(3, len(rows), p=(0.1, 0.2, 0.7))
    balanced = fit_classifier(Logistic(), rows.features, classes, 3, 0).balanced_probabilities(
        rows.features
    )
    np.testing.assert_allclose(balanced.mean(axis=0), 1 / 3, atol=0.03)


def test_scales_are_learned_from_the_rows_it_is_fitted_on() -> None:
    rows = hourly_rows()
    fitted = fit_classifier(Logistic(), rows.features[:900], rows.symbol[:900] % 2, 2, 0)
    scale = fitted.predictor.pipeline.named_steps["prepare"].named_transformers_["scale"]
    np.testing.assert_allclose(scale.mean_, rows.features[:900, :-1].mean(axis=0), atol=1e-6)


def test_medians_are_of_the_features_and_over_all_of_time() -> None:
    rows = hourly_rows()
    fitted = fit_classifier(Logistic(), rows.features, rows.symbol % 2, 2, 0)
    np.testing.assert_allclose(fitted.medians, np.median(rows.features[:, :-1], axis=0))
    rising = np.arange(3 * MEDIAN_ROWS, dtype=np.float32)[:, None].repeat(2, axis=1)
    np.testing.assert_allclose(feature_medians(rising), [1.5 * MEDIAN_ROWS], rtol=1e-3)
