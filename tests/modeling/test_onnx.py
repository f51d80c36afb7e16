"""The ONNX form predicts as the original does, and says what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.action_rules import ABOVE_SHARE, BY_EXPECTED_SCORE, LIKELIEST, ActionRule
from pipelines.modeling.candidates import CANDIDATES, Fitted
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.onnx import parity, to_onnx
from pipelines.modeling.scorer import OnnxScorer, checksum
from tests.modeling.class_models import build_model
from tests.modeling.description import describe
from tests.modeling.hourly_rows import hourly_rows

NAMES = [candidate.name for candidate in CANDIDATES]
ROWS = hourly_rows(sessions=60, seed=2).features


def fitted(comparison: Comparison, name: str) -> Fitted:
    candidate = next(result.fitted for result in comparison.ranking if result.name == name)
    assert candidate is not None
    return candidate


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("temperature", "rule"),
    [(1.0, BY_EXPECTED_SCORE), (0.6, ABOVE_SHARE), (3.0, LIKELIEST)],
    ids=["by_expected_score", "above_share", "likeliest"],
)
def test_the_onnx_form_predicts_as_the_original(
    comparison: Comparison, name: str, temperature: float, rule: ActionRule
) -> None:
    model = build_model(comparison, fitted(comparison, name), temperature, rule)
    scorer = OnnxScorer(to_onnx(model, describe(comparison)))
    assert parity(scorer, model, ROWS) < 1e-5
    probabilities, actions = scorer.score(ROWS)
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(actions, model.score(ROWS)[1])


def test_parity_measures_the_difference(comparison: Comparison) -> None:
    model = comparison.winner
    other = build_model(comparison, model.fitted, 3.0)
    scorer = OnnxScorer(to_onnx(other, describe(comparison)))
    difference = np.abs(scorer.score(ROWS)[0] - model.score(ROWS)[0]).max()
    assert parity(scorer, model, ROWS) == pytest.approx(difference)
    assert difference > 0.01


def test_the_same_model_gives_the_same_bytes_and_says_what_it_is(
    comparison: Comparison, content: bytes
) -> None:
    assert to_onnx(comparison.winner, describe(comparison)) == content
    learned = {
        "rule": "by_expected_score",
        "score_thresholds": comparison.winner.score_thresholds,
        "scores": comparison.label.scores,
        "medians": tuple(np.median(comparison.training.rows.features[:, :-1], axis=0).tolist()),
    }
    expected = replace(describe(comparison), **learned)
    assert OnnxScorer(content, checksum(content)).description == expected


def test_names_that_do_not_fit_the_model_are_refused(comparison: Comparison) -> None:
    description = describe(comparison)
    with pytest.raises(InvalidRequest, match=r"1 feature names .* for a model of 7 columns"):
        to_onnx(comparison.winner, replace(description, features=("a",)))
    with pytest.raises(InvalidRequest, match="2 class names for a model of 5"):
        to_onnx(comparison.winner, replace(description, classes=("up", "down")))
