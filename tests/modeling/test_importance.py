"""Importance finds what was planted, at a cost that is bounded."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from pipelines.modeling.candidates import CANDIDATES
from pipelines.modeling.compare import Comparison
from pipelines.modeling.importance import DRAWS, MOST_ROWS, importances
from pipelines.modeling.metrics import macro_f1

NAMES = ("a", "b", "c", "d", "e", "f")
F1 = partial(macro_f1, count=5)


@pytest.mark.parametrize("name", [candidate.name for candidate in CANDIDATES])
def test_every_candidate_leans_on_the_planted_feature(comparison: Comparison, name: str) -> None:
    fitted = next(one.fitted for one in comparison.ranking if one.name == name)
    assert fitted is not None
    part = comparison.selection
    found = importances(
        lambda rows: fitted.balanced_probabilities(rows).argmax(axis=1),
        part.rows.features,
        part.truth,
        NAMES,
        F1,
    )
    assert found.features[0].name == "a"
    assert found.features[0].loss > 0.02
    assert sorted(one.name for one in found.features) == [*NAMES, "symbol"]
    assert [one.loss for one in found.features] == sorted(
        (one.loss for one in found.features), reverse=True
    )


def test_what_a_model_does_not_look_at_costs_it_nothing() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(900, 3)).astype(np.float32)
    classes = (features[:, 1] > 0).astype(int)
    found = importances(
        lambda rows: (rows[:, 1] > 0).astype(int),
        features,
        classes,
        "xy",
        partial(macro_f1, count=2),
    )
    losses = {one.name: one.loss for one in found.features}
    assert found.fit == 1.0
    assert losses["y"] == pytest.approx(0.5, abs=0.1)
    assert (losses["x"], losses["symbol"]) == (0.0, 0.0)


def test_its_cost_does_not_grow_with_history() -> None:
    asked: list[int] = []

    def predict(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return np.zeros(len(rows), int)

    many = np.zeros((10 * MOST_ROWS, 3), np.float32)
    found = importances(predict, many, np.zeros(len(many), int), "xy", F1)
    assert asked == [MOST_ROWS] * (1 + 3 * DRAWS)
    assert (found.rows, found.of) == (MOST_ROWS, len(many))
