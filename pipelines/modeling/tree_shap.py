"""Exact SHAP values of trees: how far each feature moves an output from its mean.

The game is the usual one of trees ("path dependent"): a feature that is not known sends a row down
both branches, in proportion to the training rows that went there. A leaf is reached with the
product, over the features on its path, of 1 or 0 where the feature is known, and of the share of
rows where it is not. The Shapley value of such a product is an integral of a polynomial, which
Gauss-Legendre quadrature gives exactly: no subset of features is ever listed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.modeling.tree_ensembles import Trees

MOST_NUMBERS = 4_000_000  # in memory at a time


@dataclass(frozen=True, eq=False)
class Paths:
    """The path to each leaf: a column a feature on it, filled up with features that change nothing.

    A row follows a feature's part of the path if its value lies between two bounds.
    """

    feature: np.ndarray
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray  # of the training rows that follow the path where the feature decides
    value: np.ndarray  # of each leaf
    is_below: bool  # a value at its high bound does not follow, and one at its low bound does

    @property
    def base(self) -> float:
        """The mean of what the leaves give, over the training rows."""
        return float(self.value @ self.share.prod(axis=1))

    def follows(self, rows: np.ndarray) -> np.ndarray:
        """Whether each row follows each feature's part of each path."""
        values = rows[:, self.feature]
        if self.is_below:
            inside: np.ndarray = (values >= self.low) & (values < self.high)
        else:
            inside = (values > self.low) & (values <= self.high)
        return inside


def find_paths(trees: Trees, weights: np.ndarray) -> Paths:
    """The paths of all trees, whose leaves give the weighted sum of their outputs."""
    leaf_values = trees.outputs @ weights
    leaf_paths: list[tuple[dict[int, tuple[float, float, float]], float]] = []
    pending: list[tuple[int, dict[int, tuple[float, float, float]]]]
    pending = [(int(root), {}) for root in trees.roots]
    while pending:
        place, path = pending.pop()
        if trees.true_child[place] < 0:
            leaf_paths.append((path, float(leaf_values[place])))
            continue
        feature, threshold = int(trees.feature[place]), float(trees.threshold[place])
        low, high, share = path.get(feature, (-np.inf, np.inf, 1.0))
        for child, bounds in (
            (int(trees.true_child[place]), (low, min(high, threshold))),
            (int(trees.false_child[place]), (max(low, threshold), high)),
        ):
            went = float(trees.cover[child] / trees.cover[place])
            pending.append((child, path | {feature: (*bounds, share * went)}))
    longest = max(max(len(path) for path, _ in leaf_paths), 1)
    filling = (0, (-np.inf, np.inf, 1.0))
    parts = [[*path.items(), *[filling] * (longest - len(path))] for path, _ in leaf_paths]
    columns = np.array([[part for _, part in path] for path in parts])
    return Paths(
        feature=np.array([[feature for feature, _ in path] for path in parts]),
        low=columns[..., 0].astype(np.float32),
        high=columns[..., 1].astype(np.float32),
        share=columns[..., 2],
        value=np.array([value for _, value in leaf_paths]),
        is_below=trees.is_below,
    )


def shap_values(paths: Paths, rows: np.ndarray) -> np.ndarray:
    """The SHAP value of each feature for each row. With the base they add up to the output."""
    leaves, longest = paths.feature.shape
    # Exact for polynomials up to one degree less than twice the points.
    points, point_weights = np.polynomial.legendre.leggauss(longest // 2 + 1)
    points, point_weights = (points + 1) / 2, point_weights / 2
    values = np.zeros(rows.shape)
    step = max(1, MOST_NUMBERS // (leaves * longest))
    for first in range(0, len(rows), step):
        known = paths.follows(rows[first : first + step])
        moved = known - paths.share
        parts = np.zeros(known.shape)
        for point, weight in zip(points, point_weights, strict=True):
            factors = paths.share + moved * point
            parts += weight * factors.prod(axis=2, keepdims=True) / factors
        parts *= moved * paths.value[:, None]
        for place, part in enumerate(parts, first):
            values[place] = np.bincount(
                paths.feature.ravel(), part.ravel(), minlength=rows.shape[1]
            )
    return values
