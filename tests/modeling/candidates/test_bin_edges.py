"""Histogram boosting has the same bins whether a column is sorted once or for each edge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.ensemble._hist_gradient_boosting import binning
from sklearn.utils.stats import _weighted_percentile

from pipelines.modeling.candidates.bin_edges import (
    MOST_BINS,
    ColumnPercentiles,
    sort_columns_once,
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many ranks each call of sklearn's own function was asked for."""
    counts: list[int] = []

    def count(column: np.ndarray, weights: np.ndarray, rank: object, **options: object) -> object:
        counts.append(np.size(rank))
        return _weighted_percentile(column, weights, rank, **options)

    monkeypatch.setattr(binning, "_weighted_percentile", count)
    return counts


def columns() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    noise = random.normal(size=2000)
    missing = np.where(np.arange(2000) % 7 == 0, np.nan, noise)
    return [noise, missing, np.round(noise, 2), np.abs(noise) * 1e9]


def edges(bins: int = MOST_BINS) -> list[np.ndarray]:
    weights = np.random.default_rng(4).choice([0.0, 0.3, 1.7, 2.5], 2000)
    return [binning._find_binning_thresholds(column, bins, weights) for column in columns()]


def test_the_edges_are_the_same_to_the_last_bit(calls: list[int]) -> None:
    expected = edges()
    assert len(calls) == len(columns()) * (MOST_BINS - 1)
    calls.clear()
    sort_columns_once()
    sort_columns_once()  # the second time there is nothing to do
    for own, of_sklearn in zip(edges(), expected, strict=True):
        np.testing.assert_array_equal(own, of_sklearn)
    assert calls == [MOST_BINS - 1] * len(columns())


def test_another_number_of_bins_is_as_without(calls: list[int]) -> None:
    expected = edges(bins=100)
    sort_columns_once()
    for own, of_sklearn in zip(edges(bins=100), expected, strict=True):
        np.testing.assert_array_equal(own, of_sklearn)


def test_a_column_is_not_taken_for_another_one_of_other_weights() -> None:
    percentile = ColumnPercentiles(_weighted_percentile)
    column, rank = np.arange(1000.0), 100 * 128 / MOST_BINS
    even, late = np.ones(1000), np.arange(1000.0)
    for weights in (even, late, even):
        expected = _weighted_percentile(column, weights, rank)
        assert percentile(column, weights, rank) == expected
        averaged = _weighted_percentile(column, weights, rank, average=True)
        assert percentile(column, weights, rank, average=True) == averaged


def test_a_sklearn_without_that_function_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(binning, "_weighted_percentile")
    sort_columns_once()
    assert not hasattr(binning, "_weighted_percentile")
