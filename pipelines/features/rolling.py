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


def smooth(values: np.ndarray, bars: int, window: int) -> np.ndarray:
    """Return the exponential average of each window, which begins as the mean of its first bars.

    Each value after those moves the average by 2 / (bars + 1) of the way. So it is a sum with
    weights that fall by the same ratio from bar to bar, and is added as sums are: by halves.
    """
    step, later = 2 / (bars + 1), window - bars
    newest = np.empty(len(values) - window + 1)
    for first in range(0, len(newest), STRETCH):
        last = min(first + STRETCH, len(newest)) + window - 1
        newest[first : first + STRETCH] = _discount(values[first + bars : last], 1 - step, later)
    newest *= step
    newest += (1 - step) ** later * mean(values[: len(values) - later], bars)
    return newest


def _discount(values: np.ndarray, ratio: float, window: int) -> np.ndarray:
    """Return the sum of each window, in which every value counts `ratio` of the one after it."""
    length = len(values) - window + 1
    offset, window_sums, power, sums = 0, None, 1, values
    while True:
        if window & power:
            newer = sums[offset : offset + length]
            window_sums = newer if window_sums is None else window_sums * ratio**power + newer
            offset += power
        if 2 * power > window:
            assert window_sums is not None
            return window_sums
        sums = sums[:-power] * ratio**power + sums[power:]
        power *= 2


def highest(values: np.ndarray, window: int) -> np.ndarray:
    """Return the highest value of each window: of two halves, which may overlap."""
    power, highs = 1, values
    while 2 * power <= window:
        highs = np.maximum(highs[:-power], highs[power:])
        power *= 2
    rest = window - power
    return np.maximum(highs[:-rest], highs[rest:]) if rest else highs.copy()


def lowest(values: np.ndarray, window: int) -> np.ndarray:
    """Return the lowest value of each window."""
    lows: np.ndarray = -highest(-values, window)
    return lows


def percentile_rank(values: np.ndarray, window: int) -> np.ndarray:
    """Return the share of a window's earlier values that its last one exceeds; equal ones half.

    NaN where a value of the window is missing.
    """
    last = values[window - 1 :]
    ranks = np.empty(len(last))
    for first in range(0, len(last), STRETCH):
        current = last[first : first + STRETCH]
        below = np.zeros(len(current), np.int32)
        for earlier in range(first, first + window - 1):
            before = values[earlier : earlier + len(current)]
            below += before < current
            below += before <= current
        ranks[first : first + STRETCH] = below
    ranks /= 2 * (window - 1)
    absent = np.isnan(values)
    if absent.any():
        ranks[total(absent.astype(np.float64), window) > 0] = np.nan
    return ranks


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
