"""Evidence is checked before a gate judges it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.gates import DirectionSkill, Evidence, NoWorseThanChampion
from pipelines.gates.baselines import training_shares
from pipelines.gates.evidence import TrainingRows, check_classes, check_truth
from pipelines.gates.skill import place_predictors
from pipelines.gates.values import training_means
from tests.gates.market import build_evidence, with_champion


def test_without_predictions_the_most_probable_class_is_published() -> None:
    market = replace(build_evidence(), predictions=None)
    np.testing.assert_array_equal(market.published_classes, market.outputs.argmax(axis=1))
    short = replace(market, predictions=np.zeros(3, np.int64))
    with pytest.raises(InvalidRequest, match="3 predictions for"):
        _ = short.published_classes


def test_rows_of_symbols_that_the_champion_does_not_know_are_left_out() -> None:
    market = build_evidence()
    champion = market.outputs.copy()
    champion[market.judging.symbol == 2] = np.nan
    shared = replace(market, champion=champion).for_champion()
    assert 2 not in shared.judging.symbol
    assert len(shared.truth) == len(shared.outputs) == (market.judging.symbol != 2).sum()
    assert shared.no_champion == ""
    assert market.no_champion == "there is no champion yet"
    stranger = replace(market, champion=np.full_like(champion, np.nan))
    assert stranger.no_champion == "the champion knows none of the symbols"


def test_classes_and_values_of_rows_without_an_outcome_are_refused() -> None:
    rows = build_evidence().judging.take(np.arange(3))
    with pytest.raises(InvalidRequest, match="classes reach from -1 to 1"):
        check_classes(np.array([0, 1, -1]), rows, 5)
    with pytest.raises(InvalidRequest, match="2 classes for 3 rows"):
        check_classes(np.array([0, 1]), rows, 5)
    with pytest.raises(InvalidRequest, match="1 judging rows have no outcome"):
        check_truth(np.array([0.0, np.nan, 1.0]), 3, "judging")


def of_two_models() -> Evidence:
    """Evidence whose older half is of a model that was fitted on rows of one class alone."""
    evidence = build_evidence()
    training = evidence.training
    half = len(evidence.judging) // 2
    return replace(
        evidence,
        earlier=(TrainingRows(training, np.zeros(len(training), np.int64)),),
        model_of_row=(np.arange(len(evidence.judging)) >= half).astype(np.int64),
    )


def test_the_challengers_own_rows_are_the_newest_and_a_champion_is_met_on_these_alone() -> None:
    evidence = of_two_models()
    half = len(evidence.judging) // 2
    np.testing.assert_array_equal(evidence.own.judging.outcome, evidence.judging.outcome[half:])
    assert evidence.own.own is evidence.own
    with_outputs = with_champion(evidence, evidence)
    np.testing.assert_array_equal(
        with_outputs.for_champion().judging.outcome, evidence.judging.outcome[half:]
    )
    unknown = replace(with_outputs, champion=np.full_like(evidence.outputs, np.nan))
    assert "knows none" in unknown.no_champion


def test_baselines_know_of_each_row_what_its_model_was_fitted_on() -> None:
    evidence = of_two_models()
    half, own = len(evidence.judging) // 2, evidence.training_truth
    likeliest = place_predictors(evidence, strict=False)["likeliest"].argmax(axis=1)
    assert set(likeliest[:half].tolist()) == {0}
    assert 0 not in likeliest[half:]
    shares = training_shares(evidence, 5)
    np.testing.assert_array_equal(shares[0], np.eye(5)[0])
    np.testing.assert_allclose(shares[-1], np.bincount(own, minlength=5) / len(own))
    means = training_means(evidence)
    assert (means[0], means[-1]) == (0.0, pytest.approx(own.mean()))


def test_what_is_judged_is_what_is_published() -> None:
    """A model whose expected scores are right, and whose actions are the wrong way round."""
    evidence = build_evidence()
    assert DirectionSkill().judge(evidence).passed
    turned = replace(evidence, predictions=4 - evidence.published_classes)
    verdict = DirectionSkill().judge(turned)
    assert not verdict.passed
    assert verdict.value == pytest.approx(-DirectionSkill().judge(evidence).value)
    assert not NoWorseThanChampion().judge(with_champion(turned, evidence)).passed
