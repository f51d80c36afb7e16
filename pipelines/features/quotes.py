"""Features of the quotes at a bar's close: how wide they are, and where the close lies in them.

Where a bar has no bid or no ask, they are missing for every window that holds the bar. Of a source
whose prices are the middle of its quotes, as oanda, the close lies in the middle but for rounding.
"""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import mean, percentile_rank

QUOTES = ("bid", "ask")


def relative_spread(x: Arrays) -> np.ndarray:
    """Return the ask less the bid, over the middle between them."""
    spreads: np.ndarray = 2 * (x["ask"] - x["bid"]) / (x["ask"] + x["bid"])
    return spreads


def distance_to_middle(x: Arrays) -> np.ndarray:
    """Return twice the distance of the close from the middle of the quotes, over that middle."""
    middle = (x["ask"] + x["bid"]) / 2
    distances: np.ndarray = 2 * np.abs(x["close"] - middle) / middle
    return distances


def place_in_quotes(x: Arrays) -> np.ndarray:
    """Return where each close lies: -1 at the bid, 1 at the ask; 0 where both are the same."""
    spread = x["ask"] - x["bid"]
    away = 2 * x["close"] - x["ask"] - x["bid"]
    # A missing quote stays missing: no comparison with it holds.
    places: np.ndarray = np.where(spread == 0, 0.0, away / spread)
    return places


def quoted_spread() -> Feature:
    return Feature(
        "quoted_spread",
        "ask less bid at the close, over the middle between them",
        QUOTES,
        1,
        relative_spread,
        low=0,
        formula="s = (ask - bid) / mid, mid = (ask + bid) / 2",
    )


def quoted_spread_mean(bars: int) -> Feature:
    return Feature(
        f"quoted_spread_mean_{bars}",
        f"mean quoted spread of the last {bars} bars",
        QUOTES,
        bars,
        lambda x: mean(relative_spread(x), bars),
        low=0,
        formula=f"mean(s, {bars})",
    )


def quoted_spread_ratio(bars: int) -> Feature:
    return Feature(
        f"quoted_spread_ratio_{bars}",
        f"quoted spread over its mean of the last {bars} bars, less one",
        QUOTES,
        bars,
        lambda x: relative_spread(x)[bars - 1 :] / mean(relative_spread(x), bars) - 1,
        low=-1,
        formula=f"s / mean(s, {bars}) - 1",
    )


def quoted_spread_rank(bars: int) -> Feature:
    return Feature(
        f"quoted_spread_rank_{bars}",
        f"share of the {bars - 1} bars before whose quotes were narrower; equal ones count half",
        QUOTES,
        bars,
        lambda x: percentile_rank(x["ask"] - x["bid"], bars),
        unit="0 to 1",
        low=0,
        high=1,
        formula=f"rank(ask - bid, {bars})",
    )


def effective_spread() -> Feature:
    return Feature(
        "effective_spread",
        "twice the distance of the close from the middle of the quotes, over that middle",
        ("close", *QUOTES),
        1,
        distance_to_middle,
        low=0,
        formula="e = 2 |c - mid| / mid",
    )


def effective_spread_mean(bars: int) -> Feature:
    return Feature(
        f"effective_spread_mean_{bars}",
        f"mean effective spread of the last {bars} bars",
        ("close", *QUOTES),
        bars,
        lambda x: mean(distance_to_middle(x), bars),
        low=0,
        formula=f"mean(e, {bars})",
    )


def quote_place() -> Feature:
    return Feature(
        "quote_place",
        "where the close lies between bid (-1) and ask (1): who was in a hurry; 0 where both are "
        "the same",
        ("close", *QUOTES),
        1,
        place_in_quotes,
        unit="half spreads",
        formula="q = 2 (c - mid) / (ask - bid)",
    )


def quote_place_mean(bars: int) -> Feature:
    return Feature(
        f"quote_place_mean_{bars}",
        f"mean of where the last {bars} closes lay between bid and ask",
        ("close", *QUOTES),
        bars,
        lambda x: mean(place_in_quotes(x), bars),
        unit="half spreads",
        formula=f"mean(q, {bars})",
    )


def quote_pressure(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        middle = (x["ask"] + x["bid"]) / 2
        spread = mean(x["ask"] - x["bid"], bars + 1)
        values: np.ndarray = (middle[bars:] - middle[:-bars]) / spread
        return values

    return Feature(
        f"quote_pressure_{bars}",
        f"move of the middle of the quotes over the last {bars} bars, in mean spreads; missing "
        "where bid and ask were the same all the time",
        QUOTES,
        bars + 1,
        compute,
        unit="spreads",
        formula=f"(mid - mid[{bars}]) / mean(ask - bid, {bars + 1})",
    )
