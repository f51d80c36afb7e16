"""Where the price stands against its own past."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Arrays, Feature
from pipelines.features.rolling import mean, total


def sma_gap(bars: int) -> Feature:
    return Feature(
        f"sma_gap_{bars}",
        f"close over the mean close of the last {bars} bars, less one",
        ("close",),
        bars,
        lambda x: x["close"][bars - 1 :] / mean(x["close"], bars) - 1,
    )


def sma_cross(short: int, long: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        fast = mean(x["close"], short)[long - short :]
        made: np.ndarray = fast / mean(x["close"], long) - 1
        return made

    return Feature(
        f"sma_cross_{short}_{long}",
        f"mean close of the last {short} bars over that of the last {long}, less one",
        ("close",),
        long,
        compute,
    )


def rsi(bars: int) -> Feature:
    """RSI on exactly its window: plain means of gains and losses, as TA-Lib begins it.

    The usual smoothing never forgets, so its value would depend on where history begins.
    """

    def compute(x: Arrays) -> np.ndarray:
        moves = np.diff(x["close"])
        gains = total(np.maximum(moves, 0), bars)
        losses = total(np.maximum(-moves, 0), bars)
        both = gains + losses
        made: np.ndarray = np.where(both > 0, 100 * gains / both, 50.0)
        return made

    return Feature(
        f"rsi_{bars}",
        f"relative strength of the last {bars} moves; 50 where nothing moved",
        ("close",),
        bars + 1,
        compute,
        unit="0 to 100",
        low=0,
        high=100,
    )
