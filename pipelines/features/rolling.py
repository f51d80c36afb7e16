"""Sums over a moving window, added in the same order wherever the window lies.

A running sum would carry the rounding errors of all earlier bars, so that 21 bars would give
another last digit than 21,000. Here a sum of 20 is a sum of 16 and one of 4,
each made of two halves: five additions instead of nineteen, and the same bits for the same bars
everywhere. All functions return n - window + 1 values for n bars, and work through long arrays in
stretches that stay in the processor's cache.
"""

from __future__ import annotations

import numpy as np

STRETCH = 8192


def total(values: np.ndarray, window: int) -> np.ndarray:
    """Return the sum of each window."""
    count = len(values) - window + 1
    totals = np.empty(count)
    for first in range(0, count, STRETCH):
        stretch = values[first : first + min(STRETCH, count - first) + window - 1]
        totals[first : first + STRETCH] = _summed(stretch, window)
    return totals


def _summed(values: np.ndarray, window: int) -> np.ndarray:
    length = len(values) - window + 1
    offset, window_sums, power, sums = 0, None, 1, values
    while True:
        if window & power:
            partial_sums = sums[offset : offset + length]
            window_sums = (
                partial_sums.astype(np.float64)
                if window_sums is None
                else np.add(window_sums, partial_sums, out=window_sums)
            )
            offset += power
        if 2 * power > window:
            assert window_sums is not None
            return window_sums
        sums = sums[:-power] + sums[power:]
        power *= 2


def mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of each window."""
    means = total(values, window)
    means /= window
    return means


def weighted(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of each window; the first weight is that of the oldest value."""
    count = len(values) - len(weights) + 1
    weighted_sums = np.zeros(count)
    for first in range(0, count, STRETCH):
        stretch = weighted_sums[first : first + STRETCH]
        for after, weight in enumerate(weights, first):
            stretch += weight * values[after : after + len(stretch)]
    return weighted_sums


def return_deviation(log_close: np.ndarray, returns: int) -> np.ndarray:
    """Return the standard deviation of the last log-returns of each window.

    Their mean is small compared with it, so the difference of squares loses no digits.
    """
    steps = np.diff(log_close)
    squares = total(np.multiply(steps, steps, out=steps), returns)
    whole_returns = log_close[returns:] - log_close[:-returns]
    squares -= np.multiply(whole_returns, whole_returns, out=whole_returns) / returns
    squares /= returns - 1
    deviations: np.ndarray = np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
    return deviations


def deviation(values: np.ndarray, window: int) -> np.ndarray:
    """Return the standard deviation of each window.

    It is exact to 1e-8 of the values' size, which for prices is far less than a tick.
    """
    sums = total(values, window)
    squares = total(values * values, window)
    squares -= np.multiply(sums, sums, out=sums) / window
    squares /= window - 1
    deviations: np.ndarray = np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
    return deviations
