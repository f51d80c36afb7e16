"""Volatility from the highs and lows of bars, which tell more of it than closes do."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import deviation, mean, percentile_rank, return_deviation

OHLC = ("open", "high", "low", "close")
PER_BAR = "log price per bar"


def parkinson_line(x: Arrays, bars: int) -> np.ndarray:
    """Return Parkinson's volatility of each window."""
    ranges = np.log(x["high"] / x["low"])
    lines: np.ndarray = np.sqrt(mean(ranges * ranges, bars) / (4 * np.log(2)))
    return lines


def rogers_satchell_variance(x: Arrays, bars: int) -> np.ndarray:
    """Return Rogers and Satchell's variance of each window, which no drift disturbs."""
    above = np.log(x["high"] / x["close"]) * np.log(x["high"] / x["open"])
    below = np.log(x["low"] / x["close"]) * np.log(x["low"] / x["open"])
    values: np.ndarray = np.maximum(mean(above + below, bars), 0)
    return values


def parkinson(bars: int) -> Feature:
    return Feature(
        f"parkinson_{bars}",
        f"Parkinson's volatility, from the ranges of the last {bars} bars",
        ("high", "low"),
        bars,
        lambda x: parkinson_line(x, bars),
        unit=PER_BAR,
        low=0,
        formula=f"sqrt(mean(ln(h / l)^2, {bars}) / (4 ln 2))",
    )


def garman_klass(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        ranges, body = np.log(x["high"] / x["low"]), np.log(x["close"] / x["open"])
        variance = mean(0.5 * ranges * ranges - (2 * np.log(2) - 1) * body * body, bars)
        values: np.ndarray = np.sqrt(np.maximum(variance, 0))
        return values

    return Feature(
        f"garman_klass_{bars}",
        f"Garman and Klass's volatility, from the ranges and bodies of the last {bars} bars",
        OHLC,
        bars,
        compute,
        unit=PER_BAR,
        low=0,
        formula=f"sqrt(mean(ln(h / l)^2 / 2 - (2 ln 2 - 1) ln(c / o)^2, {bars}))",
    )


def rogers_satchell(bars: int) -> Feature:
    return Feature(
        f"rogers_satchell_{bars}",
        f"Rogers and Satchell's volatility of the last {bars} bars, which no drift disturbs",
        OHLC,
        bars,
        lambda x: np.sqrt(rogers_satchell_variance(x, bars)),
        unit=PER_BAR,
        low=0,
        formula=f"sqrt(mean(ln(h / c) ln(h / o) + ln(l / c) ln(l / o), {bars}))",
    )


def yang_zhang(bars: int) -> Feature:
    share = 0.34 / (1.34 + (bars + 1) / (bars - 1))

    def compute(x: Arrays) -> np.ndarray:
        gaps = deviation(np.log(x["open"][1:] / x["close"][:-1]), bars)
        bodies = deviation(np.log(x["close"] / x["open"])[1:], bars)
        ranges = rogers_satchell_variance(x, bars)[1:]
        values: np.ndarray = np.sqrt(gaps * gaps + share * bodies * bodies + (1 - share) * ranges)
        return values

    return Feature(
        f"yang_zhang_{bars}",
        f"Yang and Zhang's volatility of the last {bars} bars, from gaps between bars, bodies and "
        "ranges",
        OHLC,
        bars + 1,
        compute,
        unit=PER_BAR,
        low=0,
        formula=f"sqrt(sd(ln(o / c[1]), {bars})^2 + k sd(ln(c / o), {bars})^2 + (1 - k) "
        f"rogers_satchell_{bars}^2), k = 0.34 / (1.34 + {bars + 1} / {bars - 1})",
    )


def parkinson_ratio(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        closes = return_deviation(x["log_close"], bars)
        values: np.ndarray = parkinson_line(x, bars)[1:] / closes
        return values

    return Feature(
        f"parkinson_ratio_{bars}",
        f"Parkinson's volatility of the last {bars} bars over that of their closes: above 1 where "
        "prices come back; missing where closes did not move",
        ("high", "low", "log_close"),
        bars + 1,
        compute,
        low=0,
        formula=f"parkinson_{bars} / sd(r, {bars})",
    )


def range_rank(bars: int) -> Feature:
    return Feature(
        f"range_rank_{bars}",
        f"share of the {bars - 1} bars before whose range was smaller; equal ones count half",
        ("high", "low", "close"),
        bars,
        lambda x: percentile_rank((x["high"] - x["low"]) / x["close"], bars),
        unit="0 to 1",
        low=0,
        high=1,
        formula=f"rank((h - l) / c, {bars})",
    )
