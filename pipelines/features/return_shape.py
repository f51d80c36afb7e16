"""Features of how the latest returns are spread: to one side, in jumps, in trends."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import highest, percentile_rank, return_deviation, total

LEAST = 1e-24  # a sum of squared returns below this is rounding


def volatility_rank(bars: int, among: int) -> Feature:
    return Feature(
        f"volatility_rank_{bars}_{among}",
        f"share of the {among - 1} bars before whose volatility_{bars} was smaller; equal ones "
        "count half",
        ("log_close",),
        bars + among,
        lambda x: percentile_rank(return_deviation(x["log_close"], bars), among),
        unit="0 to 1",
        low=0,
        high=1,
        formula=f"rank(sd(r, {bars}), {among})",
    )


def downside_share(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        moves = np.diff(x["log_close"])
        squares = moves * moves
        whole = total(squares, bars)
        falls = total(np.where(moves < 0, squares, 0.0), bars)
        return np.where(whole > LEAST, falls / whole, 0.5)

    return Feature(
        f"downside_share_{bars}",
        f"share of the last {bars} squared returns that fell; 0.5 where nothing moved",
        ("log_close",),
        bars + 1,
        compute,
        unit="0 to 1",
        low=0,
        high=1,
        formula=f"sum(min(r, 0)^2, {bars}) / sum(r^2, {bars})",
    )


def central_moments(
    moves: np.ndarray, bars: int, highest_power: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return each window's second central moment, and that of the given power: 3 or 4."""
    squares = moves * moves
    mean, second = total(moves, bars) / bars, total(squares, bars) / bars
    third = total(squares * moves, bars) / bars
    variance = second - mean * mean
    if highest_power == 3:
        return variance, third - mean * (3 * second - 2 * mean * mean)
    fourth = total(squares * squares, bars) / bars
    return variance, fourth - mean * (4 * third - mean * (6 * second - 3 * mean * mean))


def skewness(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        variance, third = central_moments(np.diff(x["log_close"]), bars, 3)
        return np.where(variance > LEAST, third / variance**1.5, 0.0)

    return Feature(
        f"skewness_{bars}",
        f"skewness of the last {bars} returns; 0 where nothing moved",
        ("log_close",),
        bars + 1,
        compute,
        formula=f"m3 / m2^1.5 of the last {bars} r, mk = mean((r - mean(r, {bars}))^k, {bars})",
    )


def kurtosis(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        variance, fourth = central_moments(np.diff(x["log_close"]), bars, 4)
        return np.where(variance > LEAST, fourth / (variance * variance), 3.0)

    return Feature(
        f"kurtosis_{bars}",
        f"kurtosis of the last {bars} returns: 3 where they are normal, and where nothing moved",
        ("log_close",),
        bars + 1,
        compute,
        formula=f"m4 / m2^2 of the last {bars} r, mk = mean((r - mean(r, {bars}))^k, {bars})",
    )


def jump_share(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        moves = np.diff(x["log_close"])
        sizes = np.abs(moves)
        whole = total(moves * moves, bars)
        smooth = np.pi / 2 * bars / (bars - 1) * total(sizes[1:] * sizes[:-1], bars - 1)
        shares = np.where(whole > LEAST, 1 - smooth / whole, 0.0)
        return np.maximum(shares, 0)

    return Feature(
        f"jump_share_{bars}",
        f"share of the variance of the last {bars} returns that came in jumps, as far as products "
        "of neighbours do not have it; 0 where nothing moved",
        ("log_close",),
        bars + 1,
        compute,
        unit="0 to 1",
        low=0,
        high=1,
        formula=f"max(1 - pi/2 {bars}/{bars - 1} sum(|r| |r[1]|, {bars - 1}) / sum(r^2, {bars}), "
        "0)",
    )


def variance_ratio(step: int, bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        logs = x["log_close"]
        moves, strides = np.diff(logs), logs[step:] - logs[:-step]
        whole = total(moves * moves, bars)
        count = bars - step + 1
        longer = total(strides * strides, count) * bars / (count * step)
        return np.where(whole > LEAST, longer / whole, 1.0)

    return Feature(
        f"variance_ratio_{step}_{bars}",
        f"mean square of the returns of {step} bars over {step} times that of the last {bars} "
        "returns: above 1 in a trend, below where prices come back; 1 where nothing moved",
        ("log_close",),
        bars + 1,
        compute,
        low=0,
        formula=f"mean(ln(c / c[{step}])^2, {bars - step + 1}) / ({step} mean(r^2, {bars}))",
    )


def largest_move(bars: int) -> Feature:
    return Feature(
        f"largest_move_{bars}",
        f"largest of the last {bars} absolute returns",
        ("log_close",),
        bars + 1,
        lambda x: highest(np.abs(np.diff(x["log_close"])), bars),
        unit="log price",
        low=0,
        formula=f"max(|r|, {bars})",
    )
