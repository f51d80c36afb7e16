"""Rules of actions: what each publishes, how often, and how it explains itself."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pipelines.core.errors import InvalidRequest
from pipelines.labels.action import ACTIONS, SCORES
from pipelines.modeling.action_rules import (
    ABOVE_SHARE,
    ACTION_RULES,
    BY_EXPECTED_SCORE,
    LIKELIEST,
    ActionRule,
    LikeliestIfConfident,
    action_rule,
    expected_scores,
)
from pipelines.modeling.converters import OPSETS

SHARES = (0.1, 0.2, 0.4, 0.2, 0.1)


def random_probabilities(rows: int, seed: int = 0) -> np.ndarray:
    draws = np.random.default_rng(seed).gamma(np.array(SHARES) * 20, size=(rows, 5))
    return draws / draws.sum(axis=1, keepdims=True)


def publish(rule: ActionRule, probabilities: np.ndarray) -> np.ndarray:
    return rule.choose(probabilities, SCORES, SHARES, rule.learn(probabilities, SCORES, SHARES))


def test_each_action_is_published_as_often_as_its_class_occurs() -> None:
    published = publish(BY_EXPECTED_SCORE, random_probabilities(5000))
    np.testing.assert_allclose(np.bincount(published, minlength=5) / 5000, SHARES, atol=0.001)


@given(st.integers(0, 1000), st.integers(1, 300))
def test_a_higher_expected_score_never_gives_a_lower_action(seed: int, rows: int) -> None:
    probabilities = random_probabilities(rows, seed)
    order = np.argsort(expected_scores(probabilities, SCORES))
    assert (np.diff(publish(BY_EXPECTED_SCORE, probabilities)[order]) >= 0).all()


@pytest.mark.parametrize("level", [-2.0, -0.3, 0.0, 1.5, 2.0])
def test_a_model_that_gives_one_score_alone_publishes_hold(level: float) -> None:
    """However far it leans to one side: it distinguishes nothing."""
    probabilities = np.zeros((50, 5))
    probabilities[:, [0, 4]] = [0.5 - level / 4, 0.5 + level / 4]
    assert set(publish(BY_EXPECTED_SCORE, probabilities).tolist()) == {2}


def test_thresholds_lie_between_scores_so_that_rounding_moves_no_row() -> None:
    probabilities = random_probabilities(40)
    thresholds = BY_EXPECTED_SCORE.learn(probabilities, SCORES, SHARES)
    scores = expected_scores(probabilities, SCORES)
    assert np.abs(scores[:, None] - np.array(thresholds)[None, :]).min() > 1e-5
    assert len(thresholds) == BY_EXPECTED_SCORE.count_thresholds(5) == 4
    assert list(thresholds) == sorted(thresholds)


def test_the_other_rules_learn_nothing() -> None:
    probabilities = random_probabilities(10)
    for rule in (ABOVE_SHARE, LIKELIEST):
        assert rule.learn(probabilities, SCORES, SHARES) == ()
        assert rule.count_thresholds(5) == 0
    np.testing.assert_array_equal(
        publish(ABOVE_SHARE, probabilities), (probabilities / SHARES).argmax(axis=1)
    )
    np.testing.assert_array_equal(publish(LIKELIEST, probabilities), probabilities.argmax(axis=1))


def test_each_prediction_says_why_it_is_this_action() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1, 0.0, 0.0], [0.1, 0.2, 0.4, 0.2, 0.1]])
    published = np.array([0, 2])
    reasons = {
        rule.name: rule.explain(
            probabilities,
            published,
            ACTIONS,
            SCORES,
            SHARES,
            rule.learn(probabilities, SCORES, SHARES),
        )
        for rule in ACTION_RULES.values()
    }
    assert reasons["by_expected_score"] == [
        "expected score -1.50, among the lowest 10 % that this model gives",
        "expected score +0.00, between the lowest 30 % and the highest 30 % of this model",
    ]
    assert reasons["above_share"][0] == (
        "strong_sell has a probability of 60% beside its share of 10%, and stands highest above it"
    )
    assert reasons["likeliest"][1] == "hold is the likeliest, with a probability of 40%"
    assert reasons["likeliest_if_confident"] == [
        "strong_sell is the likeliest, with a probability of 60.0%: at least the 60.0% from which "
        "it acts",
        "hold is the likeliest, with a probability of 40.0%: less than the 60.0% from which it "
        "acts",
    ]


def test_every_action_of_a_model_is_explained_by_its_place() -> None:
    probabilities = np.tile(np.full(5, 0.2), (5, 1))
    sentences = BY_EXPECTED_SCORE.explain(probabilities, np.arange(5), ACTIONS, SCORES, SHARES, ())
    assert [sentence.split(", ", 1)[1] for sentence in sentences] == [
        "among the lowest 10 % that this model gives",
        "among the lowest 30 % that this model gives, above the lowest 10 %",
        "between the lowest 30 % and the highest 30 % of this model",
        "among the highest 30 % that this model gives, below the highest 10 %",
        "among the highest 10 % that this model gives",
    ]


@given(st.integers(0, 1000), st.sampled_from([0.25, 0.3, 0.5, 0.6, 0.7, 1.0]))
def test_below_its_confidence_a_rule_holds_and_else_takes_the_likeliest(
    seed: int, least: float
) -> None:
    rule, probabilities = LikeliestIfConfident(least), random_probabilities(200, seed)
    published, highest = publish(rule, probabilities), probabilities.max(axis=1)
    assert (published[highest < least] == ACTIONS.index("hold")).all()
    is_confident = highest >= least + 1e-6
    np.testing.assert_array_equal(
        published[is_confident], probabilities[is_confident].argmax(axis=1)
    )


def test_a_declared_confidence_is_kept_as_it_is_and_other_values_can_be_tried() -> None:
    rule = LikeliestIfConfident(0.55)
    assert rule.learn(random_probabilities(5), SCORES, SHARES) == (0.55,)
    assert rule.count_thresholds(5) == 1
    assert rule.grid[0] == (0.55,), "the declared one comes first"
    assert (0.6,) in rule.grid
    assert len(set(rule.grid)) == len(rule.grid) > 4
    assert BY_EXPECTED_SCORE.grid == LIKELIEST.grid == ()


@pytest.mark.parametrize("least", [0.0, 1.5, -1.0, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(least: float) -> None:
    with pytest.raises(InvalidRequest, match="above 0, at most 1"):
        LikeliestIfConfident(least)


def test_a_confidence_needs_a_class_to_hold_with() -> None:
    LikeliestIfConfident().check(SCORES)
    with pytest.raises(InvalidRequest, match="none of the scores -1, 1 is 0"):
        LikeliestIfConfident().check((-1.0, 1.0))


@given(
    st.integers(0, 10_000),
    st.integers(1, 60),
    st.sampled_from([*ACTION_RULES.values(), LikeliestIfConfident(0.35)]),
)
def test_the_graph_of_a_rule_chooses_as_the_rule_does(
    seed: int, rows: int, rule: ActionRule
) -> None:
    """Also where a probability is the threshold itself, to the last digit."""
    probabilities = random_probabilities(rows, seed).astype(np.float32)
    thresholds = rule.learn(probabilities, SCORES, SHARES)
    for place, near in enumerate(_neighbours(0.6) + _neighbours(0.35)):
        if place < rows:
            probabilities[place] = (1 - near) / 4
            probabilities[place, place % 5] = near
    balanced = (probabilities / np.float32(SHARES)).astype(np.float32)
    np.testing.assert_array_equal(
        run_graph(rule, probabilities, balanced, thresholds),
        rule.choose(probabilities, SCORES, SHARES, thresholds),
    )


def _neighbours(value: float) -> list[np.float32]:
    """A number as float32, and the numbers next to it."""
    middle = np.float32(value)
    return [np.nextafter(middle, np.float32(0)), middle, np.nextafter(middle, np.float32(1))]


def run_graph(
    rule: ActionRule, probabilities: np.ndarray, balanced: np.ndarray, thresholds: tuple[float, ...]
) -> np.ndarray:
    """What the rule's nodes make of probabilities, in ONNX Runtime."""
    constants, nodes = rule.build_nodes(SCORES, thresholds)
    inputs = {"probabilities": probabilities, "balanced": balanced}
    graph = helper.make_graph(
        nodes,
        "rule",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, len(ACTIONS)])
            for name in inputs
        ],
        [helper.make_tensor_value_info("action", TensorProto.INT64, [None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSETS[""])])
    model.ir_version = 8
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    action: np.ndarray = session.run(["action"], inputs)[0]
    return action


def test_an_unknown_rule_is_refused_by_name() -> None:
    assert action_rule("likeliest") is LIKELIEST
    with pytest.raises(InvalidRequest, match="unknown rule of actions 'likelyest'"):
        action_rule("likelyest")
