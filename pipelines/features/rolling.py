"""Sums over a moving window, added up in the same order wherever the window lies.

A running sum would carry the rounding of all that went before, and give 21 bars another last
digit than 21,000. Here a sum of 20 is a sum of 16 and one of 4, each made of two halves: five
additions instead of nineteen, and the same bits for the same bars everywhere. All functions
return n - window + 1 values for n bars, and work through long arrays in stretches that stay
in the processor's cache.
"""

from __future__ import annotations

import numpy as np

STRETCH = 8192


def total(values: np.ndarray, window: int) -> np.ndarray:
    count = len(values) - window + 1
    totals = np.empty(count)
    for first in range(0, count, STRETCH):
        here = values[first : first + min(STRETCH, count - first) + window - 1]
        totals[first : first + STRETCH] = _summed(here, window)
    return totals


def _summed(values: np.ndarray, window: int) -> np.ndarray:
    length = len(values) - window + 1
    done, window_sums, power, sums = 0, None, 1, values
    while True:
        if window & power:
            part = sums[done : done + length]
            window_sums = (
                part.astype(np.float64)
                if window_sums is None
                else np.add(window_sums, part, out=window_sums)
            )
            done += power
        if 2 * power > window:
            assert window_sums is not None
            return window_sums
        sums = sums[:-power] + sums[power:]
        power *= 2


def mean(values: np.ndarray, window: int) -> np.ndarray:
    means = total(values, window)
    means /= window
    return means


def weighted(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The sum of each window's values, oldest first, times the weights."""
    count = len(values) - len(weights) + 1
    weighted_sums = np.zeros(count)
    for first in range(0, count, STRETCH):
        here = weighted_sums[first : first + STRETCH]
        for after, weight in enumerate(weights, first):
            here += weight * values[after : after + len(here)]
    return weighted_sums


def return_deviation(log_close: np.ndarray, returns: int) -> np.ndarray:
    """The standard deviation of the last log-returns, whose mean is small beside it."""
    steps = np.diff(log_close)
    squares = total(np.multiply(steps, steps, out=steps), returns)
    whole = log_close[returns:] - log_close[:-returns]
    squares -= np.multiply(whole, whole, out=whole) / returns
    squares /= returns - 1
    deviations: np.ndarray = np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
    return deviations


def deviation(values: np.ndarray, window: int) -> np.ndarray:
    """The standard deviation of the last values; exact to 1e-8 of their size, which for prices
    is far less than a tick."""
    sums = total(values, window)
    squares = total(values * values, window)
    squares -= np.multiply(sums, sums, out=sums) / window
    squares /= window - 1
    deviations: np.ndarray = np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
    return deviations
