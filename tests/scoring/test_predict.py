"""A model scores bar by bar, and only rows that it can score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.forecasts import SPY_NEXT_DAY
from pipelines.modeling.scorer import OnnxScorer
from pipelines.scoring.predict import check_fingerprint, check_scorer, prediction_rows, score_rows
from tests import models

ACTION_FORECAST = FORECAST.target_forecast()


def test_each_bar_is_scored_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = OnnxScorer(models.body(FORECAST, untrained=("NVDA",)))
    batch_sizes: list[int] = []
    score = scorer.score
    monkeypatch.setattr(scorer, "score", lambda rows: batch_sizes.append(len(rows)) or score(rows))
    features = np.zeros((6, len(FORECAST.features)), np.float32)
    features[1, 0] = np.nan
    symbols = ["AAPL", "MSFT", "NVDA", "AAPL", "MSFT", "XYZ"]
    scores = score_rows(
        scorer, symbols, features, FORECAST.feature_names, np.array([1, 1, 1, 2, 2, 2])
    )
    assert batch_sizes == [1, 2]
    assert scores.scored_rows.tolist() == [0, 3, 4]
    assert scores.not_scored == {
        "untrained": {"NVDA": 1, "XYZ": 1},
        "missing_feature": {"MSFT": 1},
    }


def test_what_is_published_is_the_models_action_and_not_the_likeliest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scorer = OnnxScorer(models.body(FORECAST))
    probabilities = np.array([[0.1, 0.1, 0.5, 0.1, 0.2]], np.float32)
    monkeypatch.setattr(scorer, "score", lambda rows: (probabilities, np.array([4])))
    features = np.zeros((1, len(FORECAST.features)), np.float32)
    scores = score_rows(scorer, ["AAPL"], features, FORECAST.feature_names, np.array([1]))
    keys = pa.table({"symbol": ["AAPL"]})
    row = prediction_rows(keys, scores, ACTION_FORECAST.label, {}).to_pylist()[0]
    assert (row["action"], row["score"]) == ("strong_buy", 2.0)
    assert row["confidence"] == pytest.approx(0.2)
    assert row["expected_score"] == pytest.approx(0.2)
    assert row["likeliest"] == "hold"
    assert row["action_reason"].startswith("expected score +0.20, among the highest 10 %")


def test_what_moved_a_prediction_is_published_where_it_is_asked_for() -> None:
    scorer = OnnxScorer(models.body(SPY_NEXT_DAY))
    features = np.random.default_rng(1).normal(0, 1, (3, len(SPY_NEXT_DAY.features)))
    features[1, 0] = np.nan
    label, keys = SPY_NEXT_DAY.targets[0].label, pa.table({"symbol": ["SPY"] * 3})
    names = SPY_NEXT_DAY.feature_names
    arguments = (scorer, ["SPY"] * 3, features.astype(np.float32), names, np.array([1, 2, 3]))
    explained = score_rows(*arguments, explained=True)
    rows = prediction_rows(keys, explained, label, {}).to_pylist()
    assert [row["contribution_method"] for row in rows] == ["occlusion"] * 2
    assert explained.contributions is not None
    for row, values in zip(rows, explained.contributions.values.tolist(), strict=True):
        columns = (*names, "symbol")
        assert dict(row["feature_contributions"]) == dict(zip(columns, values, strict=True))
    plain = prediction_rows(keys, score_rows(*arguments), label, {}).to_pylist()
    assert {row["feature_contributions"] for row in plain} == {None}
    assert [row["expected_score"] for row in plain] == [row["expected_score"] for row in rows]


def test_a_model_that_does_not_say_what_its_classes_are_worth_scores_unexplained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scorer = OnnxScorer(models.body(SPY_NEXT_DAY))
    monkeypatch.setattr(scorer, "description", replace(scorer.description, scores=()))
    features = np.zeros((1, len(SPY_NEXT_DAY.features)), np.float32)
    scores = score_rows(
        scorer, ["SPY"], features, SPY_NEXT_DAY.feature_names, np.array([1]), explained=True
    )
    assert scores.contributions is None
    assert scores.scored_rows.tolist() == [0]


def test_a_model_of_another_definition_is_refused() -> None:
    scorer = OnnxScorer(models.body(FORECAST))
    assert check_scorer(ACTION_FORECAST, scorer) is scorer
    with pytest.raises(InvalidRequest, match="other features or another label") as refused:
        check_scorer(
            ACTION_FORECAST,
            OnnxScorer(models.body(FORECAST, definition="older")),
            "version 3",
        )
    assert refused.value.message.startswith("version 3 was")
    with pytest.raises(InvalidRequest, match="other features or another label"):
        check_fingerprint(ACTION_FORECAST, None)


@pytest.mark.parametrize("field", ["features", "classes"])
def test_a_model_with_another_order_of_features_or_classes_is_refused(field: str) -> None:
    scorer = OnnxScorer(models.body(FORECAST))
    description = scorer.description
    reordered = tuple(reversed(getattr(description, field)))
    scorer.description = replace(description, **{field: reordered})
    with pytest.raises(InvalidRequest, match="in another order"):
        check_scorer(ACTION_FORECAST, scorer)
