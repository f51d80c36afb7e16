"""Candidates that read a part of the features: fitted, converted and explained on it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels import Action, NextReturn
from pipelines.modeling.artefacts import measure_importances
from pipelines.modeling.candidates import (
    Candidate,
    HistogramBoosting,
    LightGBMValues,
    Logistic,
    Ridge,
    XGBoostClasses,
    only,
    without,
)
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.contributions import explain
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.description import Description
from pipelines.modeling.onnx import parity, to_onnx
from pipelines.modeling.scorer import OnnxScorer
from pipelines.scoring.predict import score_rows
from tests.modeling.hourly_rows import hourly_rows

NAMES = ("rsi", "volume", "news_tone", "news_age", "gap", "spread")
MARKET = (0, 1, 4, 5, 6)  # of the columns; the last is the symbol's code
SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN")


def run(rows: Rows, *candidates: Candidate, label: object = None, **options: object) -> Comparison:
    split = Split(stretches=0)
    names = options.pop("names", NAMES)
    return compare(rows, label or Action(), candidates, split, 7, names=names, **options)  # type: ignore[arg-type]


def convert(comparison: Comparison) -> OnnxScorer:
    label = comparison.label
    return OnnxScorer(
        to_onnx(
            comparison.winner,
            Description(
                label.classes,
                NAMES,
                SYMBOLS,
                comparison.thresholds,
                comparison.shares,
                kind=label.kind,
            ),
        )
    )


@pytest.mark.parametrize(
    ("candidate", "label"),
    [
        (Logistic(inputs=without("news_*")), Action()),
        (HistogramBoosting(rounds=5, inputs=without("news_*")), Action()),
        (XGBoostClasses(trials=2, inputs=without("news_*")), Action()),
        (Ridge(inputs=without("news_*")), NextReturn()),
        (LightGBMValues(inputs=without("news_*")), NextReturn()),
    ],
    ids=lambda value: value.name,
)
def test_a_part_of_the_features_gives_what_a_matrix_of_that_part_gives(
    candidate: Candidate, label: Action | NextReturn
) -> None:
    rows = hourly_rows()
    comparison = run(rows, candidate, label=label)
    market = replace(rows, features=np.ascontiguousarray(rows.features[:, MARKET]))
    market_names = tuple(NAMES[place] for place in MARKET[:-1])
    alone = run(market, replace(candidate, inputs=without()), label=label, names=market_names)  # type: ignore[type-var]
    np.testing.assert_array_equal(comparison.outputs, alone.outputs)
    np.testing.assert_array_equal(comparison.predictions, alone.predictions)
    assert comparison.winner.fitted.medians == alone.winner.fitted.medians
    assert comparison.winner_features == market_names

    scorer = convert(comparison)
    assert scorer.description.features == market_names
    assert parity(scorer, comparison.winner, rows.features) < 1e-5
    importances = measure_importances(comparison)
    assert {feature.name for feature in importances.features} == {*market_names, "symbol"}
    assert importances == measure_importances(alone)


def test_a_row_that_lacks_what_the_model_does_not_read_is_scored_and_explained() -> None:
    rows = hourly_rows()
    scorer = convert(run(rows, XGBoostClasses(trials=0, inputs=without("news_*"))))
    features = rows.features[:6, :-1].copy()
    whole = score_rows(scorer, ["AAPL"] * 6, features, NAMES, np.arange(6), explained=True)
    features[2, NAMES.index("news_tone")] = np.nan
    features[4, NAMES.index("gap")] = np.nan
    scores = score_rows(scorer, ["AAPL"] * 6, features, NAMES, np.arange(6), explained=True)
    assert scores.scored_rows.tolist() == [0, 1, 2, 3, 5]
    assert scores.not_scored == {"missing_feature": {"AAPL": 1}}
    np.testing.assert_array_equal(scores.outputs[2], whole.outputs[2])
    assert scores.contributions is not None
    assert scores.contributions.names == ("rsi", "volume", "gap", "spread", "symbol")
    assert explain(scorer, rows.features[:3, MARKET]).values.shape == (3, 5)


def test_candidates_are_compared_on_the_same_rows_whatever_they_read() -> None:
    rows = hourly_rows()
    rows.features[:200, NAMES.index("news_tone")] = np.nan
    market = Logistic(inputs=without("news_*"), name="market")
    assert run(rows, market).dropped["a feature is missing"] == 0
    both = run(rows, market, Logistic())
    assert both.dropped["a feature is missing"] == 200
    assert {len(result.outputs) for result in both.ranking if result.outputs is not None} == {
        len(both.selection)
    }


def test_a_feature_that_no_candidate_reads_may_be_empty_or_constant() -> None:
    rows = hourly_rows()
    rows.features[:, NAMES.index("news_tone")] = np.nan
    rows.features[:, NAMES.index("news_age")] = 3.0
    comparison = run(rows, Logistic(inputs=without("news_*")))
    assert comparison.winner_features == ("rsi", "volume", "gap", "spread")
    with pytest.raises(InvalidRequest, match="news_tone"):
        run(rows, Logistic(inputs=only("rsi", "news_tone")))
    with pytest.raises(InvalidRequest, match="same value on all training rows: news_age"):
        run(rows, Logistic(inputs=only("rsi", "news_age")))


def test_two_parts_of_one_class_of_candidate_want_names_of_their_own() -> None:
    with pytest.raises(InvalidRequest, match="two candidates are named logistic_regression"):
        run(hourly_rows(), Logistic(), Logistic(inputs=without("news_*")))
