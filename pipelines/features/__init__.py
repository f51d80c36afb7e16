"""The feature library: families of functions that make features, and the sets in use.

To add a feature: write a function in the family it belongs to, add a call to a set, and add a
test with values worked by hand. The laws (no look-ahead; the window alone gives the same value as
all history) are tested for every feature of every set.

A set is written out, not found by the names of files: it says which features, with which windows
and in which order of columns, and all three are part of the fingerprint of a forecast's table.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.features.activity import overnight_gap, volume_ratio
from pipelines.features.base import Feature, feature_matrix, look_back
from pipelines.features.inputs import bars
from pipelines.features.intermarket import (
    correlation,
    is_there,
    level,
    level_gap,
    ratio_gap,
    relative_return,
    return_of,
)
from pipelines.features.intraday import FAMILIES, INTRADAY, INTRADAY_MARKET
from pipelines.features.panel import Panel
from pipelines.features.returns import lagged_return, log_return, mean_return, scaled_return
from pipelines.features.session_time import place_in_session
from pipelines.features.trend import (
    bollinger_place,
    macd,
    macd_histogram,
    macd_signal,
    rsi,
    sma_cross,
    sma_gap,
)
from pipelines.features.volatility import (
    atr,
    body_ratio,
    bollinger_width,
    mean_true_range,
    range_ratio,
    true_range,
    volatility,
    volatility_ratio,
)

# Own-symbol features of the last 21 bars: a request with 21 bars can be scored.
HOURLY: tuple[Feature, ...] = (
    *(log_return(bars) for bars in (1, 2, 3, 10)),
    *(mean_return(bars) for bars in (5, 20)),
    scaled_return(20),
    *(volatility(bars) for bars in (5, 20)),
    volatility_ratio(5, 20),
    rsi(14),
    *(sma_gap(bars) for bars in (5, 20)),
    sma_cross(5, 20),
    atr(14),
    bollinger_width(20),
    range_ratio(),
    body_ratio(),
    volume_ratio(20),
    overnight_gap(),
    place_in_session(),
)

# The last 60 daily bars, and no place in the session: a session is one bar.
DAILY: tuple[Feature, ...] = (
    *(log_return(bars) for bars in (1, 5, 20)),
    *(lagged_return(bars) for bars in (1, 2, 3, 4, 5)),
    *(volatility(bars) for bars in (5, 20)),
    volatility_ratio(5, 20),
    true_range(),
    *(mean_true_range(bars) for bars in (5, 20)),
    atr(14),
    range_ratio(),
    body_ratio(),
    overnight_gap(),
    rsi(14),
    *(sma_gap(bars) for bars in (10, 50)),
    sma_cross(10, 50),
    macd(12, 26, 60),
    macd_signal(12, 26, 9, 60),
    macd_histogram(12, 26, 9, 60),
    bollinger_width(20),
    bollinger_place(20),
    volume_ratio(20),
)

QQQ, IWM, TLT, GLD, VIX = (bars(symbol) for symbol in ("QQQ", "IWM", "TLT", "GLD", "VIX"))

# What an index did, beside what others did: the last 60 daily bars. Not every source has small
# companies: where it has none, their features are neutral, and one feature says so.
INTERMARKET: tuple[Feature, ...] = (
    *(log_return(n) for n in (1, 5, 21)),
    *(lagged_return(n) for n in (1, 2)),
    *(volatility(n) for n in (5, 21)),
    volatility_ratio(5, 21),
    atr(14),
    range_ratio(),
    overnight_gap(),
    rsi(14),
    *(sma_gap(n) for n in (10, 50)),
    macd(12, 26, 60),
    macd_signal(12, 26, 9, 60),
    macd_histogram(12, 26, 9, 60),
    bollinger_width(20),
    bollinger_place(20),
    volume_ratio(20),
    *(
        feature
        for other in (QQQ, TLT, GLD)
        for feature in (
            relative_return(other, 1),
            relative_return(other, 5),
            ratio_gap(other, 21),
            correlation(other, 21),
        )
    ),
    *(
        replace(feature, neutral=0.0)
        for feature in (relative_return(IWM, 5), ratio_gap(IWM, 21), correlation(IWM, 21))
    ),
    is_there(IWM.log_close),
    *(return_of(TLT, n) for n in (1, 5)),
    return_of(GLD, 1),
    level(VIX.close, "vix_level"),
    *(return_of(VIX, n) for n in (1, 5)),
    level_gap(VIX, 21),
)

SETS: tuple[tuple[Feature, ...], ...] = (HOURLY, DAILY, INTERMARKET, INTRADAY)

__all__ = [
    "DAILY",
    "FAMILIES",
    "HOURLY",
    "INTERMARKET",
    "INTRADAY",
    "INTRADAY_MARKET",
    "SETS",
    "Feature",
    "Panel",
    "feature_matrix",
    "look_back",
]
