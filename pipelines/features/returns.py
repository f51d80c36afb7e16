"""Features of returns: how far the price has moved."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.quotes import relative_spread
from pipelines.features.rolling import mean, return_deviation


def log_return(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        returns: np.ndarray = x["log_close"][bars:] - x["log_close"][:-bars]
        return returns

    return Feature(
        f"log_return_{bars}",
        f"log-return of the last {bars} bars" if bars > 1 else "log-return of the bar",
        ("log_close",),
        bars + 1,
        compute,
        unit="log price",
        formula=f"ln(c / c[{bars}])",
    )


def lagged_return(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        logs = x["log_close"][:-bars]
        returns: np.ndarray = logs[1:] - logs[:-1]
        return returns

    return Feature(
        f"lagged_return_{bars}",
        f"log-return of the bar {bars} bars ago" if bars > 1 else "log-return of the bar before",
        ("log_close",),
        bars + 2,
        compute,
        unit="log price",
        formula=f"ln(c[{bars}] / c[{bars + 1}])",
    )


def mean_return(bars: int) -> Feature:
    return Feature(
        f"mean_return_{bars}",
        f"mean log-return of the last {bars} bars",
        ("log_close",),
        bars + 1,
        lambda x: (x["log_close"][bars:] - x["log_close"][:-bars]) / bars,
        unit="log price per bar",
    )


def scaled_return(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        logs = x["log_close"]
        returns: np.ndarray = (logs[bars:] - logs[bars - 1 : -1]) / return_deviation(logs, bars)
        return returns

    return Feature(
        f"scaled_return_{bars}",
        f"log-return of the bar in deviations of the last {bars} returns",
        ("log_close",),
        bars + 1,
        compute,
        unit="deviations",
        formula=f"r / sd(r, {bars})",
    )


def return_by_volume(bars: int) -> Feature:
    scaled_move = scaled_return(bars).compute
    return Feature(
        f"return_by_volume_{bars}",
        f"scaled_return_{bars} times volume_ratio_{bars}: a move counts more with more behind it",
        ("log_close", "volume"),
        bars + 1,
        lambda x: scaled_move(x) * (x["volume"][bars:] / mean(x["volume"][:-1], bars)),
        unit="deviations",
        formula=f"scaled_return_{bars} volume_ratio_{bars}",
    )


def return_by_spread(bars: int) -> Feature:
    scaled_move = scaled_return(bars).compute

    def compute(x: Arrays) -> np.ndarray:
        spread = relative_spread(x)[1:]
        values: np.ndarray = scaled_move(x) * spread[bars - 1 :] / mean(spread, bars)
        return values

    return Feature(
        f"return_by_spread_{bars}",
        f"scaled_return_{bars} times the quoted spread over its mean of the last {bars} bars",
        ("log_close", "bid", "ask"),
        bars + 1,
        compute,
        unit="deviations",
        formula=f"scaled_return_{bars} s / mean(s, {bars})",
    )
