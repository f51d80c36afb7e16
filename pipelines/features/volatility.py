"""Features of volatility: how widely the price moves."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import deviation, mean, return_deviation


def volatility(bars: int) -> Feature:
    return Feature(
        f"volatility_{bars}",
        f"standard deviation of the last {bars} log-returns",
        ("log_close",),
        bars + 1,
        lambda x: return_deviation(x["log_close"], bars),
        unit="log price per bar",
        low=0,
        formula=f"sd(r, {bars})",
    )


def atr(bars: int) -> Feature:
    """Average true range on exactly its window: a plain mean, as TA-Lib begins it."""

    def compute(x: Arrays) -> np.ndarray:
        before = x["close"][:-1]
        high, low = np.maximum(x["high"][1:], before), np.minimum(x["low"][1:], before)
        ranges: np.ndarray = mean(high - low, bars) / x["close"][bars:]
        return ranges

    return Feature(
        f"atr_{bars}",
        f"mean true range of the last {bars} bars over the close",
        ("high", "low", "close"),
        bars + 1,
        compute,
        low=0,
        formula=f"mean(max(h, c[1]) - min(l, c[1]), {bars}) / c",
    )


def log_true_range(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Return the log of each bar's highest price over its lowest, the previous close included."""
    before = close[:-1]
    ranges: np.ndarray = np.log(np.maximum(high[1:], before) / np.minimum(low[1:], before))
    return ranges


def true_range() -> Feature:
    return Feature(
        "true_range",
        "log of the bar's highest price over its lowest, the close before it among them",
        ("high", "low", "close"),
        2,
        lambda x: log_true_range(x["high"], x["low"], x["close"]),
        unit="log price",
        low=0,
    )


def mean_true_range(bars: int) -> Feature:
    return Feature(
        f"mean_true_range_{bars}",
        f"mean of the last {bars} bars' true ranges, in logs",
        ("high", "low", "close"),
        bars + 1,
        lambda x: mean(log_true_range(x["high"], x["low"], x["close"]), bars),
        unit="log price per bar",
        low=0,
        formula=f"mean(ln(max(h, c[1]) / min(l, c[1])), {bars})",
    )


def bollinger_width(bars: int) -> Feature:
    return Feature(
        f"bollinger_width_{bars}",
        f"four deviations of the last {bars} closes over their mean",
        ("close",),
        bars,
        lambda x: 4 * deviation(x["close"], bars) / mean(x["close"], bars),
        low=0,
        formula=f"4 sd(c, {bars}) / mean(c, {bars})",
    )


def range_ratio() -> Feature:
    return Feature(
        "range_ratio",
        "high less low, over the close",
        ("high", "low", "close"),
        1,
        lambda x: (x["high"] - x["low"]) / x["close"],
        low=0,
        formula="(h - l) / c",
    )


def body_ratio() -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        spread = x["high"] - x["low"]
        ratios: np.ndarray = np.where(spread > 0, (x["close"] - x["open"]) / spread, 0.0)
        return ratios

    return Feature(
        "body_ratio",
        "close less open over high less low; 0 where the bar did not move",
        ("open", "high", "low", "close"),
        1,
        compute,
        low=-1,
        high=1,
        formula="(c - o) / (h - l)",
    )


def upper_wick() -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        spread = x["high"] - x["low"]
        above = x["high"] - np.maximum(x["open"], x["close"])
        ratios: np.ndarray = np.where(spread > 0, above / spread, 0.0)
        return ratios

    return Feature(
        "upper_wick",
        "high less the higher of open and close, over high less low; 0 where the bar did not move",
        ("open", "high", "low", "close"),
        1,
        compute,
        high=1,
        formula="(h - max(o, c)) / (h - l)",
    )


def lower_wick() -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        spread = x["high"] - x["low"]
        below = np.minimum(x["open"], x["close"]) - x["low"]
        ratios: np.ndarray = np.where(spread > 0, below / spread, 0.0)
        return ratios

    return Feature(
        "lower_wick",
        "the lower of open and close less low, over high less low; 0 where the bar did not move",
        ("open", "high", "low", "close"),
        1,
        compute,
        high=1,
        formula="(min(o, c) - l) / (h - l)",
    )


def volatility_ratio(short: int, long: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        fast = return_deviation(x["log_close"], short)[long - short :]
        ratios: np.ndarray = fast / return_deviation(x["log_close"], long)
        return ratios

    return Feature(
        f"volatility_ratio_{short}_{long}",
        f"deviation of the last {short} log-returns over that of the last {long}",
        ("log_close",),
        long + 1,
        compute,
        low=0,
        formula=f"sd(r, {short}) / sd(r, {long})",
    )
