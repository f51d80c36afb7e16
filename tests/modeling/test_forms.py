"""Every candidate has its own file; a candidate without one says why and stops nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import CANDIDATES
from pipelines.modeling.comparison import Comparison, Result
from pipelines.modeling.description import Description
from pipelines.modeling.forms import Form, check_challengers, convert_candidates
from pipelines.modeling.kinds import Model, kind_of
from pipelines.modeling.scorer import OnnxScorer, checksum
from tests.modeling.description import describe


@pytest.fixture(scope="module")
def description(comparison: Comparison) -> Description:
    return describe(comparison)


@pytest.fixture(scope="module")
def forms(comparison: Comparison, description: Description) -> dict[str, Form]:
    return convert_candidates(comparison, description)


def test_each_form_predicts_as_the_candidate(
    comparison: Comparison, forms: dict[str, Form]
) -> None:
    assert set(forms) == {candidate.name for candidate in CANDIDATES}
    for result in comparison.ranking:
        form = forms[result.name]
        assert (form.failure, form.sha256) == ("", checksum(form.body))
        scorer = OnnxScorer(form.body)
        assert scorer.description.more["candidate"] == result.name
        assert scorer.description.rule == "by_expected_score"
        model = _calibrated_model(comparison, result)
        outputs, predictions = scorer.score(comparison.selection.rows.features)
        expected = model.score(comparison.selection.rows.features)
        np.testing.assert_allclose(outputs, expected[0], atol=1e-5)
        np.testing.assert_array_equal(predictions, expected[1])


def test_opsets_are_in_order(forms: dict[str, Form]) -> None:
    """Or the bytes would differ from process to process."""
    for form in forms.values():
        domains = [opset.domain for opset in onnx.load_from_string(form.body).opset_import]
        assert domains == sorted(domains)


def test_a_candidate_that_cannot_be_converted_says_why(
    comparison: Comparison, description: Description
) -> None:
    convertible, other = comparison.ranking[:2]
    assert other.fitted is not None
    steps = type("Unknown", (), {"n_features_in_": 7, "classes_": range(5), "named_steps": {}})()
    predictor = replace(other.fitted.predictor, pipeline=steps)
    unconvertible = replace(other, fitted=replace(other.fitted, predictor=predictor))
    failed = Result("failed", {}, 1.0, failure="ValueError: no such kernel")
    converted = convert_candidates(
        replace(comparison, ranking=(convertible, unconvertible, failed)), description
    )
    assert converted[convertible.name].body
    assert converted[unconvertible.name].failure.startswith("no ONNX form: ")
    assert converted["failed"] == Form(failure="ValueError: no such kernel")
    assert converted["failed"].sha256 == ""


def test_only_named_candidates_become_challengers(
    comparison: Comparison, forms: dict[str, Form]
) -> None:
    challengers = check_challengers(comparison, ("svc", "random_forest"), forms)
    assert challengers == {name: forms[name] for name in ("svc", "random_forest")}
    with pytest.raises(InvalidRequest, match="unknown challenger 'random_florest'") as refused:
        check_challengers(comparison, ("random_florest",), forms)
    assert "random_forest" in refused.value.hint


def test_a_challenger_that_differs_from_its_original_is_refused(
    comparison: Comparison, forms: dict[str, Form], description: Description
) -> None:
    other = replace(comparison, shares=(0.5, 0.2, 0.1, 0.1, 0.1))
    spoiled = {
        "svc": convert_candidates(other, description)["mlp"],
        "mlp": Form(b"garbage"),
        "extra_trees": Form(failure="no ONNX form: x"),
    }
    challengers = check_challengers(comparison, tuple(spoiled), {**forms, **spoiled})
    assert challengers["svc"].failure.startswith("the ONNX form differs from the original by up to")
    assert challengers["mlp"].failure.startswith("the ONNX form cannot be used: UnreadableModel")
    assert challengers["extra_trees"] == spoiled["extra_trees"]
    assert not any(form.body for form in challengers.values())


def test_the_winners_form_is_the_winner(comparison: Comparison, forms: dict[str, Form]) -> None:
    rows = comparison.judging.rows.features
    scorer = OnnxScorer(forms[comparison.ranking[0].name].body)
    np.testing.assert_array_equal(scorer.score(rows)[1], comparison.predictions)


def _calibrated_model(comparison: Comparison, result: Result) -> Model:
    rows = comparison.selection
    return (
        kind_of(comparison.label)
        .calibrate(result.fitted, comparison.publishing, rows.rows, rows.truth)
        .model
    )
