"""Features of returns: how far the price has moved."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import return_deviation


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
    )
