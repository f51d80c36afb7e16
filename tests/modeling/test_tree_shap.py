"""SHAP values equal the sum over all subsets of features, and those that the libraries compute."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.modeling import tree_shap
from pipelines.modeling.tree_ensembles import Trees, read_trees
from pipelines.modeling.tree_shap import find_paths, shap_values
from tests.laws import law
from tests.modeling.fitted_trees import FRESH, OF_VALUES, fitted_trees, own_contributions

COLUMNS = 4


def grow_trees(seed: int, count: int, depth: int, is_below: bool) -> Trees:
    """Trees that cut at random, and on the same feature again; each leaf has some rows."""
    random = np.random.default_rng(seed)
    nodes: list[list[float]] = []

    def grow(left: int) -> int:
        place = len(nodes)
        nodes.append([0, 0, -1, -1, 0, random.normal()])
        if left and random.random() < 0.85:
            feature, threshold = random.integers(COLUMNS), np.float32(random.normal())
            children = grow(left - 1), grow(left - 1)
            cover = sum(nodes[child][4] for child in children)
            nodes[place] = [feature, threshold, *children, cover, 0]
        else:
            nodes[place][4] = random.integers(1, 50)
        return place

    roots = [grow(depth) for _ in range(count)]
    feature, threshold, true, false, cover, value = np.array(nodes).T
    return Trees(
        feature=feature.astype(int),
        threshold=threshold.astype(np.float32),
        true_child=true.astype(int),
        false_child=false.astype(int),
        roots=np.array(roots),
        cover=cover,
        outputs=value[:, None],
        base=np.zeros(1),
        is_below=is_below,
        transform="NONE",
    )


def expected_output(trees: Trees, row: np.ndarray, known: tuple[int, ...]) -> float:
    """What the trees give where only some features are known, by walking down both branches."""

    def walk(place: int) -> float:
        true, false = trees.true_child[place], trees.false_child[place]
        if true < 0:
            return float(trees.outputs[place, 0])
        feature, threshold = trees.feature[place], trees.threshold[place]
        if feature in known:
            value = row[feature]
            is_true = value < threshold if trees.is_below else value <= threshold
            return walk(true if is_true else false)
        shares = trees.cover[[true, false]] / trees.cover[place]
        return float(shares[0] * walk(true) + shares[1] * walk(false))

    return sum(walk(int(root)) for root in trees.roots)


def by_subsets(trees: Trees, row: np.ndarray) -> np.ndarray:
    """Shapley values by their definition."""
    values = np.zeros(COLUMNS)
    for feature in range(COLUMNS):
        others = [other for other in range(COLUMNS) if other != feature]
        for size in range(COLUMNS):
            weight = factorial(size) * factorial(COLUMNS - 1 - size) / factorial(COLUMNS)
            for known in combinations(others, size):
                gain = expected_output(trees, row, (*known, feature))
                values[feature] += weight * (gain - expected_output(trees, row, known))
    return values


def some_rows(trees: Trees, seed: int, count: int = 3) -> np.ndarray:
    """Rows of which some lie exactly at a threshold."""
    random = np.random.default_rng(seed)
    rows = random.normal(0, 1, (count, COLUMNS)).astype(np.float32)
    inner = np.flatnonzero(trees.true_child >= 0)
    for place in inner[:2]:
        rows[0, trees.feature[place]] = trees.threshold[place]
    return rows


@law(60)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(0, 6), st.booleans())
def test_they_are_the_shapley_values_by_definition(
    seed: int, count: int, depth: int, is_below: bool
) -> None:
    trees = grow_trees(seed, count, depth, is_below)
    rows, paths = some_rows(trees, seed), find_paths(trees, np.ones(1))
    values = shap_values(paths, rows)
    np.testing.assert_allclose(values, [by_subsets(trees, row) for row in rows], atol=1e-9)
    assert paths.base == pytest.approx(expected_output(trees, rows[0], ()))


@law(60)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 12), st.booleans())
def test_with_the_base_they_add_up_to_the_output(
    seed: int, count: int, depth: int, is_below: bool
) -> None:
    trees = grow_trees(seed, count, min(depth, 9), is_below)
    rows, paths = some_rows(trees, seed), find_paths(trees, np.ones(1))
    outputs = [expected_output(trees, row, tuple(range(COLUMNS))) for row in rows]
    np.testing.assert_allclose(
        paths.base + shap_values(paths, rows).sum(axis=1), outputs, atol=1e-9
    )


@pytest.mark.parametrize("name", list(OF_VALUES))
@pytest.mark.parametrize("classes", [0, 2, 5])
def test_they_are_those_of_xgboost_and_lightgbm(name: str, classes: int) -> None:
    fitted = fitted_trees(name, classes)
    trees = read_trees(fitted.to_onnx())
    assert trees is not None
    expected = own_contributions(name, fitted, FRESH)
    for output, weights in enumerate(np.eye(trees.outputs.shape[1])):
        paths = find_paths(trees, weights)
        values = shap_values(paths, FRESH)
        np.testing.assert_allclose(values, expected[:, output, :-1], atol=1e-6)
        base = paths.base + trees.base @ weights
        np.testing.assert_allclose(base, expected[:, output, -1], atol=1e-5)


def test_rows_in_parts_are_as_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trees = grow_trees(1, 3, 5, False)
    rows, paths = some_rows(trees, 1, 50), find_paths(trees, np.ones(1))
    at_once = shap_values(paths, rows)
    monkeypatch.setattr(tree_shap, "MOST_NUMBERS", 1)
    np.testing.assert_array_equal(shap_values(paths, rows), at_once)
    assert shap_values(paths, rows[:0]).shape == (0, COLUMNS)
