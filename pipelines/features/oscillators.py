"""Oscillators: where the price stands in its latest range, and which way it went, on a fixed scale.

Each is of exactly its window: where Wilder smooths for ever, these are plain sums and means.
"""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import highest, lowest, mean, total

HLC = ("high", "low", "close")


def roc(bars: int) -> Feature:
    return Feature(
        f"roc_{bars}",
        f"rate of change: close over the close {bars} bars before, less one",
        ("close",),
        bars + 1,
        lambda x: x["close"][bars:] / x["close"][:-bars] - 1,
        formula=f"c / c[{bars}] - 1",
    )


def stochastic_line(high: np.ndarray, low: np.ndarray, close: np.ndarray, bars: int) -> np.ndarray:
    """Return where each close lies between the lowest and the highest price of its window."""
    foot = lowest(low, bars)
    span = highest(high, bars) - foot
    lines: np.ndarray = np.where(span > 0, 100 * (close[bars - 1 :] - foot) / span, 50.0)
    return lines


def stochastic_k(bars: int) -> Feature:
    return Feature(
        f"stochastic_k_{bars}",
        f"where the close lies between the lowest and the highest price of the last {bars} bars; "
        "50 where nothing moved",
        HLC,
        bars,
        lambda x: stochastic_line(x["high"], x["low"], x["close"], bars),
        unit="0 to 100",
        low=0,
        high=100,
        formula=f"k = 100 (c - min(l, {bars})) / (max(h, {bars}) - min(l, {bars}))",
    )


def stochastic_d(bars: int, signal: int) -> Feature:
    return Feature(
        f"stochastic_d_{bars}_{signal}",
        f"mean of the last {signal} values of stochastic_k_{bars}",
        HLC,
        bars + signal - 1,
        lambda x: mean(stochastic_line(x["high"], x["low"], x["close"], bars), signal),
        unit="0 to 100",
        low=0,
        high=100,
        formula=f"mean(k, {signal})",
    )


def place_in_range(bars: int) -> Feature:
    """The stochastic line as a share, for windows longer than an oscillator's."""
    return Feature(
        f"place_in_range_{bars}",
        f"where the close lies between the lowest and the highest price of the last {bars} bars: "
        "0 at the lowest, 1 at the highest; 0.5 where nothing moved",
        HLC,
        bars,
        lambda x: stochastic_line(x["high"], x["low"], x["close"], bars) / 100,
        low=0,
        high=1,
        formula=f"(c - min(l, {bars})) / (max(h, {bars}) - min(l, {bars}))",
    )


def directional_lines(x: Arrays, bars: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of the true ranges of each window went up, and how much down, in percent."""
    high, low, before = x["high"], x["low"], x["close"][:-1]
    up, down = np.diff(high), -np.diff(low)
    ranges = total(np.maximum(high[1:], before) - np.minimum(low[1:], before), bars)
    rises = total(np.where((up > down) & (up > 0), up, 0.0), bars)
    falls = total(np.where((down > up) & (down > 0), down, 0.0), bars)
    has_moved = ranges > 0
    return np.where(has_moved, 100 * rises / ranges, 0.0), np.where(
        has_moved, 100 * falls / ranges, 0.0
    )


def _directional_indicator(name: str, moves: str, line: int, formula: str, bars: int) -> Feature:
    return Feature(
        f"{name}_{bars}",
        f"directional indicator: {moves} as a part of the true ranges of {bars} bars; "
        "0 where nothing moved",
        HLC,
        bars + 1,
        lambda x: directional_lines(x, bars)[line],
        unit="0 to 100",
        low=0,
        high=100,
        formula=formula,
    )


def plus_di(bars: int) -> Feature:
    formula = f"100 sum(up, {bars}) / sum(tr, {bars}), up = h - h[1] where above 0 and above down"
    return _directional_indicator("plus_di", "rises of the high", 0, formula, bars)


def minus_di(bars: int) -> Feature:
    formula = f"100 sum(down, {bars}) / sum(tr, {bars}), down = l[1] - l where above 0 and above up"
    return _directional_indicator("minus_di", "falls of the low", 1, formula, bars)


def adx(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        plus, minus = directional_lines(x, bars)
        both = plus + minus
        return mean(np.where(both > 0, 100 * np.abs(plus - minus) / both, 0.0), bars)

    return Feature(
        f"adx_{bars}",
        f"average directional index: mean over {bars} bars of how one-sided plus_di_{bars} and "
        f"minus_di_{bars} are",
        HLC,
        2 * bars,
        compute,
        unit="0 to 100",
        low=0,
        high=100,
        formula=f"mean(100 |p - m| / (p + m), {bars}), p = plus_di_{bars}, m = minus_di_{bars}",
    )


def cci(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        price = (x["high"] + x["low"] + x["close"]) / 3
        middle = mean(price, bars)
        away = np.zeros(len(middle))
        for place in range(bars):
            away += np.abs(price[place : place + len(middle)] - middle)
        away /= bars
        # Below this the mean differs from equal prices by rounding alone.
        has_moved = away > 1e-12 * middle
        gaps: np.ndarray = np.where(has_moved, (price[bars - 1 :] - middle) / (0.015 * away), 0.0)
        return gaps

    return Feature(
        f"cci_{bars}",
        f"commodity channel index: typical price less its mean over {bars} bars, in 0.015 mean "
        "absolute deviations; 0 where nothing moved",
        HLC,
        bars,
        compute,
        unit="0.015 deviations",
        formula=f"(t - mean(t, {bars})) / (0.015 mean(|t - mean(t, {bars})|, {bars})), "
        "t = (h + l + c) / 3",
    )


def aroon(bars: int) -> Feature:
    def newest_highest(values: np.ndarray) -> np.ndarray:
        count = len(values) - bars
        best, place = values[:count].copy(), np.zeros(count)
        for later in range(1, bars + 1):
            candidates = values[later : later + count]
            place[candidates >= best] = later
            np.maximum(best, candidates, out=best)
        return place

    return Feature(
        f"aroon_{bars}",
        f"Aroon oscillator: how much newer the highest price of the last {bars + 1} bars is than "
        "the lowest",
        ("high", "low"),
        bars + 1,
        lambda x: 100 / bars * (newest_highest(x["high"]) - newest_highest(-x["low"])),
        unit="-100 to 100",
        low=-100,
        high=100,
        formula=f"100 (bars since min(l, {bars + 1}) - bars since max(h, {bars + 1})) / {bars}",
    )


def money_flow(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        price = (x["high"] + x["low"] + x["close"]) / 3
        steps, flow = np.diff(price), price[1:] * x["volume"][1:]
        gains = total(np.where(steps > 0, flow, 0.0 * flow), bars)
        losses = total(np.where(steps < 0, flow, 0.0 * flow), bars)
        both = gains + losses
        # A missing volume stays missing: no comparison with it holds.
        flows: np.ndarray = np.where(both == 0, 50.0, 100 * gains / both)
        return flows

    return Feature(
        f"money_flow_{bars}",
        f"money flow index: part of the last {bars} bars' volume times price that came as the "
        "typical price rose; 50 where nothing moved or nothing was traded",
        (*HLC, "volume"),
        bars + 1,
        compute,
        unit="0 to 100",
        low=0,
        high=100,
        formula=f"100 sum(t v where t > t[1], {bars}) / sum(t v where t != t[1], {bars}), "
        "t = (h + l + c) / 3",
    )
