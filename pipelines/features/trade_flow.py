"""Features of who was in a hurry, and of what that cost: flow, price impact, and illiquidity.

They need no quotes: the direction of a bar is the sign of its move, its size is its volume (of
oanda the count of prices).
"""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import mean, total

ROOT_OF_TWO = float(np.sqrt(2.0))


def place_in_bar(x: Arrays) -> np.ndarray:
    """Return where each close lies in its bar: -1 at the low, 1 at the high; 0 without a range."""
    span = x["high"] - x["low"]
    places: np.ndarray = np.where(span > 0, (2 * x["close"] - x["high"] - x["low"]) / span, 0.0)
    return places


def signed_volume(x: Arrays) -> np.ndarray:
    """Return the volume of each bar but the first, with the sign of its move."""
    volumes: np.ndarray = np.sign(np.diff(x["close"])) * x["volume"][1:]
    return volumes


def close_place() -> Feature:
    return Feature(
        "close_place",
        "where the close lies between the bar's low (-1) and high (1); 0 where it has no range",
        ("high", "low", "close"),
        1,
        place_in_bar,
        unit="-1 to 1",
        low=-1,
        high=1,
        formula="p = (2 c - h - l) / (h - l)",
    )


def close_place_mean(bars: int) -> Feature:
    return Feature(
        f"close_place_mean_{bars}",
        f"mean of where the last {bars} closes lay between low and high",
        ("high", "low", "close"),
        bars,
        lambda x: mean(place_in_bar(x), bars),
        unit="-1 to 1",
        low=-1,
        high=1,
        formula=f"mean(p, {bars})",
    )


def signed_flow(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        values: np.ndarray = total(signed_volume(x), bars) / total(x["volume"][1:], bars)
        return values

    return Feature(
        f"signed_flow_{bars}",
        f"volume of the last {bars} bars that rose less that of those that fell, over all of it; "
        "missing where there was none",
        ("close", "volume"),
        bars + 1,
        compute,
        unit="-1 to 1",
        low=-1,
        high=1,
        formula=f"sum(sign(c - c[1]) v, {bars}) / sum(v, {bars})",
    )


def up_share(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        signs = np.sign(np.diff(x["close"]))
        moves = total(np.abs(signs), bars)
        shares: np.ndarray = np.where(moves > 0, 0.5 + total(signs, bars) / (2 * moves), 0.5)
        return shares

    return Feature(
        f"up_share_{bars}",
        f"share of the moves of the last {bars} bars that went up; 0.5 where nothing moved",
        ("close",),
        bars + 1,
        compute,
        unit="0 to 1",
        low=0,
        high=1,
        formula=f"bars of {bars} with c > c[1] / bars with c != c[1]",
    )


def price_impact(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        flow, moves = signed_volume(x), np.diff(x["log_close"])
        slope = total(moves * flow, bars) / total(flow * flow, bars)
        values: np.ndarray = slope * mean(x["volume"][1:], bars)
        return values

    return Feature(
        f"price_impact_{bars}",
        f"log-return that a mean bar's volume goes with: slope of the last {bars} returns on their "
        "signed volume; missing where nothing moved or nothing was traded",
        ("close", "log_close", "volume"),
        bars + 1,
        compute,
        unit="log price",
        formula=f"mean(v, {bars}) sum(r f, {bars}) / sum(f^2, {bars}), f = sign(c - c[1]) v",
    )


def illiquidity_line(x: Arrays, bars: int) -> np.ndarray:
    """Return the mean of each window's moves over their volume; a missing one where that is 0."""
    return mean(np.abs(np.diff(x["log_close"])) / _positive(x["volume"][1:]), bars)


def _positive(volume: np.ndarray) -> np.ndarray:
    """Return the volumes, NaN where they are 0: an infinity would pass for a number in a ratio."""
    return np.where(volume > 0, volume, np.nan)


def amihud(bars: int) -> Feature:
    return Feature(
        f"amihud_{bars}",
        f"Amihud's illiquidity: mean of the last {bars} absolute returns over their volume, as the "
        "log of one and a million times it; missing where a bar had no volume",
        ("log_close", "volume"),
        bars + 1,
        lambda x: np.log1p(1e6 * illiquidity_line(x, bars)),
        unit="log of millionths per price or share",
        low=0,
        formula=f"ln(1 + 10^6 mean(|r| / v, {bars}))",
    )


def amihud_ratio(short: int, long: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        lines = illiquidity_line(x, short)[long - short :]
        values: np.ndarray = lines / illiquidity_line(x, long)
        return values

    return Feature(
        f"amihud_ratio_{short}_{long}",
        f"Amihud's illiquidity of the last {short} bars over that of the last {long}",
        ("log_close", "volume"),
        long + 1,
        compute,
        low=0,
        formula=f"mean(|r| / v, {short}) / mean(|r| / v, {long})",
    )


def roll_spread(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        moves = np.diff(x["log_close"])
        later, earlier = moves[1:], moves[:-1]
        means = total(later, bars) * total(earlier, bars) / bars
        covariance = (total(later * earlier, bars) - means) / (bars - 1)
        values: np.ndarray = 2 * np.sqrt(np.maximum(-covariance, 0))
        return values

    return Feature(
        f"roll_spread_{bars}",
        f"Roll's effective spread: how far the last {bars} returns bounced back from the ones "
        "before; 0 where they went on",
        ("log_close",),
        bars + 2,
        compute,
        unit="log price",
        low=0,
        formula=f"2 sqrt(max(-cov(r, r[1]; {bars}), 0))",
    )


def high_low_spread(bars: int) -> Feature:
    """Corwin and Schultz: the spread widens a bar's range once, volatility with its length."""

    def compute(x: Arrays) -> np.ndarray:
        high, low = np.log(x["high"]), np.log(x["low"])
        squares = (high - low) ** 2
        beta = squares[1:] + squares[:-1]
        gamma = (np.maximum(high[1:], high[:-1]) - np.minimum(low[1:], low[:-1])) ** 2
        scale = 3 - 2 * ROOT_OF_TWO
        alpha = (ROOT_OF_TWO - 1) * np.sqrt(beta) / scale - np.sqrt(gamma / scale)
        # 2 (e^a - 1) / (1 + e^a), without a difference of nearly equal numbers
        return mean(np.maximum(2 * np.tanh(alpha / 2), 0), bars)

    return Feature(
        f"high_low_spread_{bars}",
        f"Corwin and Schultz's spread from highs and lows: mean over the last {bars} pairs of "
        "neighbouring bars, negative ones counting as 0",
        ("high", "low"),
        bars + 1,
        compute,
        low=0,
        formula=f"mean(max(2 (e^a - 1) / (1 + e^a), 0), {bars}), a = (sqrt(2) - 1) sqrt(b) / k - "
        "sqrt(g / k), k = 3 - 2 sqrt(2), b = ln(h / l)^2 + ln(h[1] / l[1])^2, "
        "g = ln(max(h, 2) / min(l, 2))^2",
    )
