"""Every candidate has a file of its own; one that has none says why and stops nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.calibration import Calibration, ClassModel
from pipelines.modeling.candidates import CANDIDATES
from pipelines.modeling.compare import Comparison, Result
from pipelines.modeling.description import Description
from pipelines.modeling.forms import Form, check_challengers, convert_candidates
from pipelines.modeling.scorer import OnnxScorer, checksum
from tests.modeling.description import describe


@pytest.fixture(scope="module")
def told(comparison: Comparison) -> Description:
    return describe(comparison)


@pytest.fixture(scope="module")
def kept(comparison: Comparison, told: Description) -> dict[str, Form]:
    return convert_candidates(comparison, told)


def test_each_gives_what_the_candidate_gave(comparison: Comparison, kept: dict[str, Form]) -> None:
    assert set(kept) == {candidate.name for candidate in CANDIDATES}
    for one in comparison.ranking:
        form = kept[one.name]
        assert (form.failure, form.sha256) == ("", checksum(form.body))
        scorer = OnnxScorer(form.body)
        assert scorer.description.more["candidate"] == one.name
        made = scorer.score(comparison.selection.rows.features)[0]
        np.testing.assert_allclose(made, one.outputs, atol=1e-5)


def test_what_comes_from_a_set_is_put_in_order(kept: dict[str, Form]) -> None:
    """Or the bytes would differ from process to process."""
    for form in kept.values():
        domains = [one.domain for one in onnx.load_from_string(form.body).opset_import]
        assert domains == sorted(domains)


def test_one_that_cannot_be_converted_says_why(comparison: Comparison, told: Description) -> None:
    good, other = comparison.ranking[:2]
    assert other.fitted is not None
    steps = type("Unknown", (), {"n_features_in_": 7, "classes_": range(5), "named_steps": {}})()
    odd = replace(other, fitted=replace(other.fitted, pipeline=steps))
    failed = Result("failed", {}, 1.0, failure="ValueError: no such kernel")
    made = convert_candidates(replace(comparison, ranking=(good, odd, failed)), told)
    assert made[good.name].body
    assert made[odd.name].failure.startswith("no ONNX form: ")
    assert made["failed"] == Form(failure="ValueError: no such kernel")
    assert made["failed"].sha256 == ""


def test_challengers_are_the_named_ones(comparison: Comparison, kept: dict[str, Form]) -> None:
    made = check_challengers(comparison, ("svc", "random_forest"), kept)
    assert made == {name: kept[name] for name in ("svc", "random_forest")}
    with pytest.raises(InvalidRequest, match="unknown challenger 'random_florest'") as refused:
        check_challengers(comparison, ("random_florest",), kept)
    assert "random_forest" in refused.value.hint


def test_a_challenger_that_is_not_its_original_is_refused(
    comparison: Comparison, kept: dict[str, Form], told: Description
) -> None:
    other = replace(comparison, shares=(0.5, 0.2, 0.1, 0.1, 0.1))
    spoiled = {
        "svc": convert_candidates(other, told)["mlp"],
        "mlp": Form(b"garbage"),
        "extra_trees": Form(failure="no ONNX form: x"),
    }
    made = check_challengers(comparison, tuple(spoiled), {**kept, **spoiled})
    assert made["svc"].failure.startswith("the ONNX form differs from the original by up to")
    assert made["mlp"].failure.startswith("the ONNX form cannot be used: UnreadableModel")
    assert made["extra_trees"] == spoiled["extra_trees"]
    assert not any(form.body for form in made.values())


def test_the_published_class_is_the_candidates(
    comparison: Comparison, kept: dict[str, Form]
) -> None:
    rows = comparison.judging.rows.features
    for one in comparison.ranking:
        assert one.fitted is not None
        expected = ClassModel(one.fitted, Calibration(comparison.shares)).score(rows)[1]
        np.testing.assert_array_equal(OnnxScorer(kept[one.name].body).score(rows)[1], expected)
