"""Sums over long arrays, which are worked through in stretches."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.features.rolling import STRETCH, total, weighted


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
