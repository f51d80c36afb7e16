"""What every classifier must be, of whichever library: the laws of a candidate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from pipelines.modeling.action_rules import BY_EXPECTED_SCORE
from pipelines.modeling.calibration import Calibration, ClassModel
from pipelines.modeling.candidates import Candidate, Fitted, fit_classifier, parameters
from pipelines.modeling.description import Description
from pipelines.modeling.onnx import parity, to_onnx
from pipelines.modeling.scorer import OnnxScorer
from tests.modeling.candidates.every import CLASSIFIERS, as_cases
from tests.modeling.hourly_rows import hourly_rows

ROWS, FRESH = hourly_rows(), hourly_rows(sessions=60, seed=2)
CUTS = {2: (0.0,), 5: (-1.3, -0.5, 0.5, 1.3)}
SCORES = {2: (-1.0, 1.0), 5: (-2.0, -1.0, 0.0, 1.0, 2.0)}
each_candidate = pytest.mark.parametrize("candidate", as_cases(CLASSIFIERS))
# Support vectors take three classes and more, and say so.
OF_TWO = [candidate for candidate in CLASSIFIERS if candidate.name != "svc"]
of_classes = pytest.mark.parametrize(
    ("candidate", "count"), [*as_cases(OF_TWO, 2), *as_cases(CLASSIFIERS, 5)]
)
FITTED: dict[tuple[str, int], Fitted] = {}


def truth(count: int) -> np.ndarray:
    return np.digitize(ROWS.outcome, CUTS[count]).astype(np.int8)


def fit(candidate: Candidate, count: int) -> Fitted:
    """Fit a candidate once for all tests."""
    key = (candidate.name, count)
    if key not in FITTED:
        FITTED[key] = fit_classifier(candidate, ROWS.features, truth(count), count, 0)
    return FITTED[key]


def build_model(fitted: Fitted, count: int) -> ClassModel:
    calibration = Calibration(tuple(np.bincount(truth(count)) / len(ROWS)))
    scores, probabilities = (
        SCORES[count],
        calibration.probabilities(fitted.balanced_probabilities(ROWS.features)),
    )
    thresholds = BY_EXPECTED_SCORE.learn(probabilities, scores, calibration.shares)
    return ClassModel(fitted, calibration, BY_EXPECTED_SCORE, scores, thresholds)


def describe(model: ClassModel, count: int) -> Description:
    return Description(
        classes=tuple("abcde"[:count]),
        features=("f", "g", "h", "i", "j", "k"),
        symbols=("AAPL", "MSFT", "NVDA", "AMZN"),
        thresholds=CUTS[count],
        shares=model.calibration.shares,
    )


@each_candidate
def test_its_parameters_are_reported_and_it_can_be_a_key(candidate: Candidate) -> None:
    assert parameters(candidate)["name"] == candidate.name
    assert hash(candidate) == hash(replace(candidate))  # type: ignore[type-var]


@of_classes
def test_the_same_rows_and_seed_give_the_same_probabilities(
    candidate: Candidate, count: int
) -> None:
    features, classes = ROWS.features.copy(), truth(count)
    again = fit_classifier(candidate, features, classes, count, 0)
    fitted = fit(candidate, count)
    assert again.tuned_parameters == fitted.tuned_parameters
    np.testing.assert_array_equal(features, ROWS.features, "a fit writes into no rows")
    np.testing.assert_array_equal(classes, truth(count))
    np.testing.assert_array_equal(
        again.balanced_probabilities(FRESH.features), fitted.balanced_probabilities(FRESH.features)
    )


@of_classes
def test_probabilities_add_up_and_know_the_planted_direction(
    candidate: Candidate, count: int
) -> None:
    balanced = fit(candidate, count).balanced_probabilities(FRESH.features)
    assert balanced.shape == (len(FRESH), count)
    np.testing.assert_allclose(balanced.sum(axis=1), 1, atol=1e-6)
    expected_score = balanced @ np.array(SCORES[count])
    assert np.corrcoef(expected_score, FRESH.features[:, 0])[0, 1] > 0.5


@of_classes
def test_its_onnx_form_predicts_the_same(candidate: Candidate, count: int) -> None:
    """Of features that nobody has seen, and of features far outside of those it was fitted on."""
    model = build_model(fit(candidate, count), count)
    content = to_onnx(model, describe(model, count))
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    extreme = FRESH.features.copy()
    extreme[::2, 0] *= 1e6
    for features in (FRESH.features, extreme):
        assert parity(OnnxScorer(content), model, features) < 1e-5
    assert to_onnx(model, describe(model, count)) == content


@each_candidate
def test_symbols_that_it_was_not_fitted_on_give_probabilities_too(candidate: Candidate) -> None:
    model = build_model(fit(candidate, 5), 5)
    unknown = FRESH.features.copy()
    unknown[:, -1] = 9
    description = replace(describe(model, 5), symbols=tuple("ABCDEFGHIJ"))
    assert parity(OnnxScorer(to_onnx(model, description)), model, unknown) < 1e-5
