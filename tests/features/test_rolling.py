"""Sums over long arrays, which are worked through in stretches."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.features.rolling import (
    STRETCH,
    highest,
    lowest,
    percentile_rank,
    smooth,
    total,
    weighted,
)


@pytest.mark.parametrize("bars", [1, STRETCH, STRETCH + 1, 2 * STRETCH + 7])
@pytest.mark.parametrize("window", [1, 5, 20])
def test_every_window_of_a_long_array_is_summed_alike(bars: int, window: int) -> None:
    random = np.random.default_rng(bars)
    values, weights = random.normal(size=bars + window - 1), random.normal(size=window)
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    np.testing.assert_allclose(total(values, window), windows.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(weighted(values, weights), windows @ weights, atol=1e-12)
    for first in (0, bars // 2, bars - 1):
        window_values = values[first : first + window]
        assert total(window_values, window)[0] == total(values, window)[first]
        assert weighted(window_values, weights)[0] == weighted(values, weights)[first]


@pytest.mark.parametrize("bars", [1, STRETCH, STRETCH + 1, 2 * STRETCH + 7])
@pytest.mark.parametrize("window", [10, 25, 64])
def test_every_window_of_a_long_array_is_smoothed_alike(bars: int, window: int) -> None:
    values = np.random.default_rng(bars).normal(size=bars + window - 1)
    averages = smooth(values, 5, window)
    for first in (0, bars // 2, bars - 1):
        average, *later = values[first : first + 5].mean(), *values[first + 5 : first + window]
        for value in later:
            average += (value - average) / 3
        assert averages[first] == pytest.approx(average, abs=1e-12)
        assert averages[first] == smooth(values[first : first + window], 5, window)[0]


@pytest.mark.parametrize("window", [1, 2, 3, 8, 21])
def test_extremes_are_those_of_each_window(window: int) -> None:
    values = np.random.default_rng(3).integers(0, 9, 100).astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    np.testing.assert_array_equal(highest(values, window), windows.max(axis=1))
    np.testing.assert_array_equal(lowest(values, window), windows.min(axis=1))
    before = values.copy()
    highest(values, window)[:] = -1
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("bars", [1, STRETCH + 1])
def test_a_rank_is_the_share_of_earlier_values_below(bars: int) -> None:
    values = np.random.default_rng(4).integers(0, 9, bars + 19).astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(values, 20)
    last, earlier = windows[:, -1:], windows[:, :-1]
    expected = ((earlier < last) + 0.5 * (earlier == last)).mean(axis=1)
    np.testing.assert_allclose(percentile_rank(values, 20), expected, rtol=1e-12)
    values[5] = np.nan
    assert np.isnan(percentile_rank(values, 20)[:6]).sum() == min(6, bars)
