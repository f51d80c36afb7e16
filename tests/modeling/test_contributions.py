"""What moved a prediction, from the model's file alone: exact for trees, and by name otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import Candidate, GradientBoosting, Logistic, Mean, Ridge
from pipelines.modeling.candidates.base import fit_regressor
from pipelines.modeling.contributions import Explainer, explain
from pipelines.modeling.description import PREFIX, Description
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from pipelines.modeling.spread import Spread, ValueModel
from tests.modeling.candidates import test_classifiers
from tests.modeling.candidates.every import CLASSIFIERS, as_cases
from tests.modeling.daily_rows import daily_rows
from tests.modeling.fitted_trees import own_contributions

TREES = {
    "random_forest", "extra_trees", "gradient_boosting", "histogram_gradient_boosting",
    "xgboost", "lightgbm",
}  # fmt: skip
ROWS = test_classifiers.FRESH.features[:60]
NAMES = ("f", "g", "h", "i", "j", "k", "symbol")
OF_TREES = [candidate for candidate in CLASSIFIERS if candidate.name in TREES]
OTHERS = [candidate for candidate in CLASSIFIERS if candidate.name not in TREES]
VALUES = daily_rows()


def scorer_of(candidate: Candidate, count: int) -> OnnxScorer:
    model = test_classifiers.build_model(test_classifiers.fit(candidate, count), count)
    return OnnxScorer(to_onnx(model, test_classifiers.describe(model, count)))


def value_scorer(candidate: Candidate) -> OnnxScorer:
    fitted = fit_regressor(candidate, VALUES.features, VALUES.outcome, 0)
    description = Description((), ("a", "b", "c", "d", "e"), ("AAPL",), (), (), kind="value")
    return OnnxScorer(to_onnx(ValueModel(fitted, Spread(-1.0, 1.0, None)), description))


def without_entries(scorer: OnnxScorer, *names: str) -> OnnxScorer:
    """The same file as it was written before a description had these entries."""
    proto = onnx.load_from_string(scorer.content)
    entries = [
        entry for entry in proto.metadata_props if entry.key.removeprefix(PREFIX) not in names
    ]
    del proto.metadata_props[:]
    proto.metadata_props.extend(entries)
    return OnnxScorer(proto.SerializeToString())


@pytest.mark.parametrize("candidate", OF_TREES, ids=lambda candidate: candidate.name)
@pytest.mark.parametrize("count", [2, 5])
def test_trees_are_explained_exactly(candidate: Candidate, count: int) -> None:
    """With the base they add up to what the fitted model gives."""
    contributions = explain(scorer_of(candidate, count), ROWS)
    assert (contributions.method, contributions.names) == ("tree_shap", NAMES)
    assert contributions.values.shape == ROWS.shape
    total = contributions.base + contributions.values.sum(axis=1)
    np.testing.assert_allclose(total, contributions.outputs, atol=1e-12)
    balanced = test_classifiers.fit(candidate, count).balanced_probabilities(ROWS)
    if "log-odds" in contributions.explained:
        balanced = np.log(balanced)
    if count == 5:
        expected = balanced @ np.array(test_classifiers.SCORES[5])
    else:
        expected = balanced[:, 1] - ("log-odds" in contributions.explained) * balanced[:, 0]
    np.testing.assert_allclose(total, expected, atol=1e-4)


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_they_are_those_that_the_library_computes(name: str, count: int) -> None:
    [candidate] = [candidate for candidate in OF_TREES if candidate.name == name]
    contributions = explain(scorer_of(candidate, count), ROWS)
    fitted = test_classifiers.fit(candidate, count).predictor
    own = own_contributions(name, fitted, ROWS)
    weights = np.array(test_classifiers.SCORES[count]) if count == 5 else np.ones(1)
    expected = np.einsum("rok,o->rk", own, weights)
    np.testing.assert_allclose(contributions.values, expected[:, :-1], atol=1e-4)
    assert contributions.base == pytest.approx(expected[0, -1], abs=1e-4)


@pytest.mark.parametrize("candidate", as_cases(OTHERS))
def test_other_models_are_explained_by_a_method_that_says_its_name(candidate: Candidate) -> None:
    scorer = scorer_of(candidate, 5)
    contributions = explain(scorer, ROWS)
    assert (contributions.method, contributions.explained) == ("occlusion", "the expected score")
    expected = scorer.score(ROWS)[0] @ np.array(test_classifiers.SCORES[5])
    np.testing.assert_allclose(contributions.outputs, expected, atol=1e-6)
    medians = np.median(test_classifiers.ROWS.features, axis=0)
    replaced = ROWS.copy()
    replaced[:, 0] = medians[0]
    without = scorer.score(replaced)[0] @ np.array(test_classifiers.SCORES[5])
    np.testing.assert_allclose(contributions.values[:, 0], expected - without, atol=1e-6)


@pytest.mark.parametrize("candidate", as_cases(CLASSIFIERS))
def test_the_planted_feature_moves_predictions_most(candidate: Candidate) -> None:
    contributions = explain(scorer_of(candidate, 5), ROWS)
    sizes = np.abs(contributions.values).mean(axis=0)
    assert NAMES[int(sizes.argmax())] == "f"
    assert np.corrcoef(contributions.values[:, 0], ROWS[:, 0])[0, 1] > 0.7


def test_what_is_linear_is_occluded_by_its_weights() -> None:
    """And only there do these add up."""
    scorer = value_scorer(Ridge(scaled=False))
    contributions = explain(scorer, VALUES.features[:50])
    fitted = fit_regressor(Ridge(scaled=False), VALUES.features, VALUES.outcome, 0)
    weights = fitted.predictor.pipeline.named_steps["model"].coef_
    medians = np.append(np.asarray(scorer.description.medians), 0.0)
    expected = (VALUES.features[:50] - medians) * weights
    np.testing.assert_allclose(contributions.values, expected, atol=1e-6)
    total = contributions.base + contributions.values.sum(axis=1)
    np.testing.assert_allclose(total, contributions.outputs, atol=1e-6)
    assert contributions.explained == "the value"


def test_a_mean_is_moved_by_nothing() -> None:
    contributions = explain(value_scorer(Mean()), VALUES.features[:5])
    assert contributions.method == "tree_shap"
    assert not contributions.values.any()
    assert contributions.base == pytest.approx(VALUES.outcome.mean(), abs=1e-9)


def test_the_symbol_is_compared_with_all_that_are_known() -> None:
    scorer = scorer_of(Logistic(), 5)
    contributions = explain(scorer, ROWS)
    scores, outputs_of_symbols = np.array(test_classifiers.SCORES[5]), []
    for code in range(4):
        replaced = ROWS.copy()
        replaced[:, -1] = code
        outputs_of_symbols.append(scorer.score(replaced)[0] @ scores)
    expected = contributions.outputs - np.mean(outputs_of_symbols, axis=0)
    np.testing.assert_allclose(contributions.values[:, -1], expected, atol=1e-6)


def test_the_largest_contributions_are_named_whichever_way_they_move() -> None:
    contributions = replace(
        explain(scorer_of(GradientBoosting(), 5), ROWS),
        values=np.array([[0.1, -0.5, 0.0, 0.2, -0.2, 0.0, 0.3]]),
    )
    assert contributions.largest(0, 3) == [("g", -0.5), ("symbol", 0.3), ("i", 0.2)]
    assert len(contributions.largest(0)) == 5


def test_a_model_is_explained_again_as_before() -> None:
    explainer = Explainer(scorer_of(GradientBoosting(), 5))
    assert explainer.method == "tree_shap"
    first, second = explainer.explain(ROWS[:30]), explainer.explain(ROWS[30:])
    at_once = explain(scorer_of(GradientBoosting(), 5), ROWS)
    np.testing.assert_array_equal(np.concatenate([first.values, second.values]), at_once.values)


def test_no_rows_have_no_contributions() -> None:
    for candidate in (GradientBoosting(), Logistic()):
        assert explain(scorer_of(candidate, 5), ROWS[:0]).values.shape == (0, 7)


def test_an_older_file_says_that_it_must_be_trained_again() -> None:
    linear = without_entries(scorer_of(Logistic(), 5), "medians")
    with pytest.raises(InvalidRequest, match="does not say the medians") as refusal:
        explain(linear, ROWS)
    assert refusal.value.hint == "train it again"
    worthless = without_entries(scorer_of(GradientBoosting(), 5), "scores")
    with pytest.raises(InvalidRequest, match="what its classes are worth"):
        explain(worthless, ROWS)


def test_trees_whose_rows_nobody_counted_are_occluded() -> None:
    proto = onnx.load_from_string(scorer_of(GradientBoosting(), 5).content)
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.name == "nodes_hitrates":
                attribute.floats[:] = [1.0] * len(attribute.floats)
    assert explain(OnnxScorer(proto.SerializeToString()), ROWS).method == "occlusion"
