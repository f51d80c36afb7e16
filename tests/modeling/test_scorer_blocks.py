"""A row gives the same bits whatever rows it is scored with: backfills repeat what was live."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.labels import Action, NextDirection, NextReturn
from pipelines.labels.base import Label
from pipelines.modeling import scorer as scorer_module
from pipelines.modeling.action_rules import LIKELIEST, ActionRule, ByExpectedScore
from pipelines.modeling.candidates import (
    Candidate,
    HistogramBoosting,
    LightGBMClasses,
    LightGBMValues,
    Logistic,
    Network,
    RandomForest,
    Ridge,
    SupportVectors,
    XGBoostClasses,
    XGBoostValues,
)
from pipelines.modeling.compare import compare
from pipelines.modeling.contributions import explain
from pipelines.modeling.dataset import Split
from pipelines.modeling.description import Description
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import LANES, OnnxScorer
from tests.laws import law
from tests.modeling.hourly_rows import hourly_rows

ROWS = hourly_rows()
MODELS: dict[str, tuple[Label, Candidate]] = {
    f"{label.name}-{candidate.name}": (label, candidate)
    for label, candidates in (
        (
            Action(),
            (
                Logistic(),
                RandomForest(trees=20),
                HistogramBoosting(rounds=5),
                Network(passes=400),
                SupportVectors(most_rows=500),
                XGBoostClasses(trials=0, rounds=5),
                LightGBMClasses(rounds=5),
            ),
        ),
        (
            NextDirection(),
            (Logistic(), RandomForest(trees=20), XGBoostClasses(trials=0), LightGBMClasses()),
        ),
        (NextReturn(), (Ridge(), XGBoostValues(trials=0), LightGBMValues())),
    )
    for candidate in candidates
}
EACH_MODEL = pytest.mark.parametrize("name", list(MODELS))
Scored = tuple[np.ndarray, np.ndarray]


@cache
def scorer_of(name: str) -> OnnxScorer:
    label, candidate = MODELS[name]
    rule: ActionRule = LIKELIEST if len(label.classes) == 2 else ByExpectedScore()
    comparison = compare(ROWS, label, (candidate,), Split(stretches=0), 7, rule=rule)
    description = Description(
        label.classes,
        ("a", "b", "c", "d", "e", "f"),
        ("AAPL", "MSFT", "NVDA", "AMZN"),
        comparison.thresholds,
        comparison.shares,
        kind=label.kind,
    )
    return OnnxScorer(to_onnx(comparison.winner, description))


@cache
def scored_alone(name: str) -> Scored:
    scorer = scorer_of(name)
    parts = [scorer.score(ROWS.features[row : row + 1]) for row in range(300)]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


@EACH_MODEL
@law(25)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=8), st.integers(0, 60))
def test_rows_in_blocks_of_any_size_are_those_scored_alone(
    name: str, sizes: list[int], first: int
) -> None:
    outputs, predictions = scored_alone(name)
    for size in sizes:
        rows = slice(first, min(first + size, len(outputs)))
        if rows.start >= rows.stop:
            break
        block_outputs, block_predictions = scorer_of(name).score(ROWS.features[rows])
        np.testing.assert_array_equal(block_outputs, outputs[rows])
        np.testing.assert_array_equal(block_predictions, predictions[rows])
        first = rows.stop


@EACH_MODEL
def test_thousands_of_rows_in_several_calls_are_those_scored_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, predictions = scored_alone(name)
    scorer = scorer_of(name)
    many = np.tile(ROWS.features[:300], (9, 1))
    in_one, _ = scorer.score(many)
    monkeypatch.setattr(scorer_module, "BLOCK_ROWS", 1000)
    in_several, predictions_of_several = scorer.score(many)
    np.testing.assert_array_equal(in_one, np.tile(outputs, (9, 1)))
    np.testing.assert_array_equal(in_several, in_one)
    np.testing.assert_array_equal(predictions_of_several, np.tile(predictions, 9))


def test_a_block_is_filled_up_and_the_filling_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, calls = scorer_of("action-logistic_regression"), list[int]()
    session = scorer._session

    class Counting:
        def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> object:
            calls.append(len(inputs["features"]))
            return session.run(names, inputs)

    monkeypatch.setattr(scorer, "_session", Counting())
    for rows in (1, LANES, LANES + 1):
        outputs, predictions = scorer.score(ROWS.features[:rows])
        assert (len(outputs), len(predictions)) == (rows, rows)
    assert calls == [LANES, LANES, 2 * LANES]


@pytest.mark.parametrize("name", ["direction-xgboost", "action-logistic_regression"])
def test_what_moved_a_row_is_the_same_alone_and_among_others(name: str) -> None:
    scorer = scorer_of(name)
    together = explain(scorer, ROWS.features[:40])
    for row in range(40):
        alone = explain(scorer, ROWS.features[row : row + 1])
        np.testing.assert_array_equal(alone.values[0], together.values[row])
        np.testing.assert_array_equal(alone.outputs[0], together.outputs[row])
