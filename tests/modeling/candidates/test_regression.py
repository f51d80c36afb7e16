"""What every registered regressor must be, and how one of them is tuned."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import REGRESSORS, Candidate, Mean, Ridge
from pipelines.modeling.candidates.base import FittedValue, fit_regressor, parameters
from pipelines.modeling.description import Description
from pipelines.modeling.onnx import parity, to_onnx
from pipelines.modeling.scorer import OnnxScorer
from pipelines.modeling.spread import Spread, ValueModel
from pipelines.modeling.value_metrics import r2
from tests.modeling.candidates.every import VALUE_CANDIDATES, as_cases, estimator_of, is_fittable
from tests.modeling.daily_rows import SIZE, daily_rows

ROWS, FRESH = daily_rows(), daily_rows(seed=2)
NAMES = [candidate.name for candidate in VALUE_CANDIDATES]
DESCRIPTION = Description(
    classes=(),
    features=("a", "b", "c", "d", "e"),
    symbols=("AAPL",),
    thresholds=(),
    shares=(),
    kind="value",
)
each_candidate = pytest.mark.parametrize("candidate", as_cases(VALUE_CANDIDATES))


@pytest.fixture(scope="module")
def fitted() -> dict[str, FittedValue]:
    return {
        candidate.name: fit_regressor(candidate, ROWS.features, ROWS.outcome, 0)
        for candidate in VALUE_CANDIDATES
        if is_fittable(candidate)
    }


def test_each_regressor_has_its_own_name_and_reports_its_parameters() -> None:
    assert len({candidate.name for candidate in REGRESSORS}) == len(REGRESSORS) == 3
    assert len(set(NAMES)) == len(VALUE_CANDIDATES)
    for candidate in VALUE_CANDIDATES:
        assert parameters(candidate)["name"] == candidate.name
        assert hash(candidate) == hash(type(candidate)())


@each_candidate
def test_the_same_rows_and_seed_give_the_same_values(
    candidate: Candidate, fitted: dict[str, FittedValue]
) -> None:
    again = fit_regressor(candidate, ROWS.features.copy(), ROWS.outcome.copy(), 0)
    assert again.tuned_parameters == fitted[candidate.name].tuned_parameters
    expected = fitted[candidate.name].values(FRESH.features)
    np.testing.assert_array_equal(again.values(FRESH.features), expected)


@each_candidate
def test_rows_outside_of_the_fit_change_nothing(candidate: Candidate) -> None:
    """Nor does a fit write into the rows it is given."""
    features, outcome = ROWS.features.copy(), ROWS.outcome.copy()
    older = slice(0, 900)
    before = fit_regressor(candidate, features[older], outcome[older], 0)
    np.testing.assert_array_equal(features, ROWS.features)
    features[900:], outcome[900:] = 7.0, 1.0
    after = fit_regressor(candidate, features[older], outcome[older], 0)
    assert before.tuned_parameters == after.tuned_parameters
    np.testing.assert_array_equal(before.values(FRESH.features), after.values(FRESH.features))


@each_candidate
@pytest.mark.parametrize("wide", [False, True], ids=["even", "by features"])
def test_its_onnx_form_predicts_the_same(
    candidate: Candidate, wide: bool, fitted: dict[str, FittedValue]
) -> None:
    result = fitted[candidate.name]
    model = ValueModel(result, Spread(-1.1, 1.3, result.width if wide else None))
    scorer = OnnxScorer(to_onnx(model, DESCRIPTION))
    assert parity(scorer, model, FRESH.features) < 1e-5 * SIZE
    interval, value = scorer.score(FRESH.features)
    assert (interval.shape, value.shape) == ((len(FRESH), 3), (len(FRESH),))
    np.testing.assert_array_equal(interval[:, 0], value)


@each_candidate
def test_extreme_features_give_values_in_the_range_of_training(
    candidate: Candidate, fitted: dict[str, FittedValue]
) -> None:
    """No prediction leaves the range of the training values, in ONNX neither."""
    features = FRESH.features.copy()
    features[::2, 0] *= 1e6
    features[::3, 1] *= 1e6
    result = fitted[candidate.name]
    model = ValueModel(result, Spread(-1.0, 1.0, result.width))
    interval, values = model.score(features)
    assert np.isfinite(interval).all()
    assert ROWS.outcome.min() <= values.min() <= values.max() <= ROWS.outcome.max()
    widths = interval[:, 2] - interval[:, 1]
    assert widths.max() <= 2 * np.exp(result.width.most) * (1 + 1e-9)
    assert parity(OnnxScorer(to_onnx(model, DESCRIPTION)), model, features) < 1e-5

    trained = ROWS.features.copy()
    trained[5, 0] = 1e6
    assert np.isfinite(fit_regressor(candidate, trained, ROWS.outcome, 0).values(features)).all()


def test_a_planted_relation_is_found_by_all_but_the_mean(fitted: dict[str, FittedValue]) -> None:
    """A rank IC of 0.3 is an R squared of 0.09."""
    scores = {
        name: r2(FRESH.outcome, result.values(FRESH.features)) for name, result in fitted.items()
    }
    assert scores["mean"] == pytest.approx(0, abs=0.005)
    assert scores["ridge"] > 0.05
    assert scores["xgboost"] > 0.04
    assert scores["lightgbm"] > 0.04
    assert scores.get("torch_mlp", 0.09) > 0.05
    mean = fitted["mean"].values(FRESH.features)
    np.testing.assert_allclose(mean, ROWS.outcome.mean(), atol=1e-12)


def test_tuned_parameters_are_reported_and_are_those_of_the_fit(
    fitted: dict[str, FittedValue],
) -> None:
    tuned = fitted["xgboost"].tuned_parameters
    assert set(tuned) == {"rounds", "rate", "depth", "leaf_rows"}
    model = estimator_of(fitted["xgboost"])
    assert model.get_params()["n_estimators"] == tuned["rounds"]
    assert model.get_params()["max_depth"] == tuned["depth"]
    assert fitted["ridge"].tuned_parameters == fitted["mean"].tuned_parameters == {}


def test_a_subset_of_the_rows_is_spread_over_all_of_time() -> None:
    """Outcomes drift: the mean of a sample from all of time is the mean of all."""
    drifting = np.linspace(-1, 1, len(ROWS))
    result = fit_regressor(Mean(most_rows=300), ROWS.features, drifting, 0)
    assert result.rows == 300
    assert result.values(ROWS.features[:1])[0] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_without_a_value_are_refused(value: float) -> None:
    outcome = ROWS.outcome.copy()
    outcome[3] = value
    with pytest.raises(InvalidRequest, match="1 of 1500 training rows have no value"):
        fit_regressor(Ridge(), ROWS.features, outcome, 0)
