"""Importance finds what was planted, at a cost that is bounded."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from pipelines.modeling.candidates import CANDIDATES
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.importance import DRAWS, MOST_ROWS, importances
from pipelines.modeling.metrics import macro_f1

NAMES = ("a", "b", "c", "d", "e", "f")
F1 = partial(macro_f1, count=5)


@pytest.mark.parametrize("name", [candidate.name for candidate in CANDIDATES])
def test_the_planted_feature_is_the_most_important_of_every_candidate(
    comparison: Comparison, name: str
) -> None:
    fitted = next(item.fitted for item in comparison.ranking if item.name == name)
    assert fitted is not None
    part = comparison.selection
    report = importances(
        lambda rows: fitted.balanced_probabilities(rows).argmax(axis=1),
        part.rows.features,
        part.truth,
        NAMES,
        F1,
    )
    assert report.features[0].name == "a"
    assert report.features[0].loss > 0.02
    assert sorted(item.name for item in report.features) == [*NAMES, "symbol"]
    assert [item.loss for item in report.features] == sorted(
        (item.loss for item in report.features), reverse=True
    )


def test_a_feature_that_a_model_ignores_has_no_importance() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(900, 3)).astype(np.float32)
    classes = (features[:, 1] > 0).astype(int)
    report = importances(
        lambda rows: (rows[:, 1] > 0).astype(int),
        features,
        classes,
        "xy",
        partial(macro_f1, count=2),
    )
    losses = {item.name: item.loss for item in report.features}
    assert report.fit == 1.0
    assert losses["y"] == pytest.approx(0.5, abs=0.1)
    assert (losses["x"], losses["symbol"]) == (0.0, 0.0)


def test_its_cost_does_not_grow_with_history() -> None:
    batches: list[int] = []

    def predict(rows: np.ndarray) -> np.ndarray:
        batches.append(len(rows))
        return np.zeros(len(rows), int)

    many = np.zeros((10 * MOST_ROWS, 3), np.float32)
    report = importances(predict, many, np.zeros(len(many), int), "xy", F1)
    assert batches == [MOST_ROWS] * (1 + 3 * DRAWS)
    assert (report.rows, report.of) == (MOST_ROWS, len(many))
