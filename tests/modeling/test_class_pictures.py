"""Pictures come out as PNG, the same each time, also where rows or classes are few."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from pipelines.modeling import class_pictures as pictures
from pipelines.modeling.comparison import Comparison
from pipelines.modeling.importance import Importance, Importances
from pipelines.modeling.metrics import measure


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def draw_random_predictions(classes: np.ndarray, count: int) -> dict[str, bytes]:
    probabilities = np.random.default_rng(0).dirichlet((2,) * count, len(classes))
    names, scores = [f"class {place}" for place in range(count)], range(count)
    predicted = probabilities.argmax(axis=1)
    metrics = measure(classes, predicted, probabilities, classes.astype(float), names, scores)
    return pictures.draw_predictions("some rows", metrics, classes, probabilities)


def test_the_same_predictions_give_the_same_bytes(comparison: Comparison) -> None:
    arguments = ("of", comparison.judging_metrics, comparison.judging.truth, comparison.outputs)
    first, second = pictures.draw_predictions(*arguments), pictures.draw_predictions(*arguments)
    assert first == second
    assert set(first) == {"confusion.png", "roc.png", "precision_recall.png", "calibration.png"}
    assert all(min(size(body)) > 400 for body in first.values())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("classes", "count"), [([0, 1], 2), ([1, 1, 1], 3), ([0, 2, 2, 0], 4)])
def test_few_rows_and_absent_classes_are_drawn_without_a_warning(
    classes: list[int], count: int
) -> None:
    assert all(size(body) for body in draw_random_predictions(np.array(classes), count).values())


def test_importance_shows_the_greatest_of_many() -> None:
    many = tuple(Importance(f"feature {n}", 0.1 - n / 100, 0.01) for n in range(114))
    few = Importances(many[: pictures.MOST_BARS], "macro F1", 0.3, 1500, 4500)
    whole = Importances(many, "macro F1", 0.3, 1500, 4500)
    picture = pictures.importance("of", whole)
    assert size(picture) == size(pictures.importance("of", few))
    assert picture == pictures.importance("of", whole)
