"""The indicators of charts, in the units of a chart, made of the same functions as features.

RSI and MACD are the very quantities that models read. All look at a fixed number of bars, so the
value of a bar is the same whatever range it is asked for in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.trend import (
    bollinger_bands,
    ema,
    macd,
    macd_histogram,
    macd_signal,
    rsi,
    sma,
)

INDICATORS: Mapping[str, tuple[Feature, ...]] = {
    "sma_20": (sma(20),),
    "sma_50": (sma(50),),
    "ema_20": (ema(20),),
    "ema_50": (ema(50),),
    "rsi_14": (rsi(14),),
    "macd": (macd(12, 26, 60), macd_signal(12, 26, 9, 60), macd_histogram(12, 26, 9, 60)),
    "bollinger_20": bollinger_bands(20),
}
"""What can be asked for by name; each is one column or several."""


def columns_of(names: Iterable[str]) -> dict[str, Feature]:
    """Return the columns of the named indicators, each once, in the order of the names."""
    return {column.name: column for name in names for column in INDICATORS[name]}


def compute_indicators(names: Iterable[str], close: np.ndarray) -> dict[str, np.ndarray]:
    """Compute each column from ascending closes; NaN where too few bars lie before."""
    values = {}
    for column in columns_of(names).values():
        values[column.name] = np.full(len(close), np.nan)
        if len(close) >= column.window:
            with np.errstate(divide="ignore", invalid="ignore"):
                values[column.name][column.look_back :] = column.compute({"close": close})
    return values
