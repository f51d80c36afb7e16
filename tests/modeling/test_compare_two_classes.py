"""Two classes, from the comparison to the gates: up or down, of one bar a session."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.gates import DIRECTION_GATES, judge_all
from pipelines.gates.collect import collect_evidence
from pipelines.labels import NextDirection
from pipelines.modeling.action_rules import LIKELIEST
from pipelines.modeling.candidates import LightGBMClasses, Logistic, RandomForest, XGBoostClasses
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.dataset import Split
from pipelines.modeling.description import Description
from pipelines.modeling.forms import check_challengers, convert_candidates
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from tests.modeling.daily_rows import daily_rows

NAMES = ("a", "b", "c", "d", "e")
CANDIDATES = (
    Logistic(l2=100.0),
    RandomForest(trees=30, leaf_rows=50),
    XGBoostClasses(trials=2),
    LightGBMClasses(rounds=30),
)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    rows = daily_rows(2500, ic=0.25)
    return compare(rows, NextDirection(), CANDIDATES, Split(0.4), 0, names=NAMES, rule=LIKELIEST)


@pytest.fixture(scope="module")
def description(comparison: Comparison) -> Description:
    return Description(
        classes=comparison.label.classes,
        features=NAMES,
        symbols=("SPY",),
        thresholds=comparison.thresholds,
        shares=comparison.shares,
    )


def test_candidates_are_ranked_by_the_roc_auc(comparison: Comparison) -> None:
    assert [result.failure for result in comparison.ranking] == [""] * 4
    areas = [result.figures["roc_auc"] for result in comparison.ranking]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > 0.55
    assert comparison.judging_metrics.figures["roc_auc"] > 0.55


def test_every_candidate_could_serve_beside_the_winner(
    comparison: Comparison, description: Description
) -> None:
    forms = convert_candidates(comparison, description)
    checked = check_challengers(comparison, tuple(forms), forms)
    assert {name: form.failure for name, form in checked.items()} == dict.fromkeys(forms, "")
    assert len(forms) == 4


def test_the_gates_pass_a_planted_direction_and_no_noise(
    comparison: Comparison, description: Description
) -> None:
    body = to_onnx(comparison.winner, description)
    evidence = collect_evidence(comparison, body, OnnxScorer(body), None, 0)
    recent = comparison.judging.rows.features
    decision = judge_all(DIRECTION_GATES, replace(evidence, recent=recent))
    assert decision.promote, decision.reason
    truth = np.random.default_rng(0).permutation(evidence.truth)
    noise = judge_all(DIRECTION_GATES, replace(evidence, truth=truth, recent=recent))
    failed = {verdict.name for verdict in noise.verdicts if not verdict.passed}
    assert {"skill_roc_auc", "skill_beyond_the_frequent"} <= failed
