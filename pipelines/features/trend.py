"""Features of trend: the price compared with its own past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.panel import Arrays
from pipelines.features.rolling import deviation, mean, smooth, total, weighted

PRICE = "currency of the symbol"
SETTLED = 5  # windows of an exponential average after which its beginning counts 0.03 %


def sma(bars: int) -> Feature:
    return Feature(
        f"sma_{bars}",
        f"mean close of the last {bars} bars",
        ("close",),
        bars,
        lambda x: mean(x["close"], bars),
        unit=PRICE,
    )


def ema(bars: int) -> Feature:
    """Exponential average of exactly its window, so that no value depends on where history begins.

    It begins as the plain mean of the window's first bars.
    """
    window = SETTLED * bars
    return Feature(
        f"ema_{bars}",
        f"mean of about {bars} closes, the newest counting most, from the last {window} bars",
        ("close",),
        window,
        lambda x: smooth(x["close"], bars, window),
        unit=PRICE,
        formula=f"ema(c, {bars})",
    )


def ema_gap(bars: int) -> Feature:
    window = SETTLED * bars
    return Feature(
        f"ema_gap_{bars}",
        f"close over the mean of about {bars} closes, the newest counting most, less one",
        ("close",),
        window,
        lambda x: x["close"][window - 1 :] / smooth(x["close"], bars, window) - 1,
        formula=f"c / ema(c, {bars}) - 1",
    )


def bollinger_bands(bars: int) -> tuple[Feature, Feature, Feature]:
    """Return the foot, the middle and the top of the band that bollinger_place measures in."""
    mean_close = sma(bars)

    def band(name: str, meaning: str, deviations: int) -> Feature:
        return Feature(
            f"bollinger_{name}_{bars}",
            meaning,
            ("close",),
            bars,
            lambda x: mean_close.compute(x) + deviations * deviation(x["close"], bars),
            unit=PRICE,
        )

    return (
        band("low", f"two deviations of the last {bars} closes below their mean", -2),
        replace(mean_close, name=f"bollinger_middle_{bars}"),
        band("high", f"two deviations of the last {bars} closes above their mean", 2),
    )


def sma_gap(bars: int) -> Feature:
    return Feature(
        f"sma_gap_{bars}",
        f"close over the mean close of the last {bars} bars, less one",
        ("close",),
        bars,
        lambda x: x["close"][bars - 1 :] / mean(x["close"], bars) - 1,
        formula=f"c / mean(c, {bars}) - 1",
    )


def sma_cross(short: int, long: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        fast = mean(x["close"], short)[long - short :]
        crosses: np.ndarray = fast / mean(x["close"], long) - 1
        return crosses

    return Feature(
        f"sma_cross_{short}_{long}",
        f"mean close of the last {short} bars over that of the last {long}, less one",
        ("close",),
        long,
        compute,
        formula=f"mean(c, {short}) / mean(c, {long}) - 1",
    )


def rsi(bars: int) -> Feature:
    """RSI on exactly its window: plain means of gains and losses, as TA-Lib begins it.

    The usual smoothing never forgets, so its value would depend on where history begins.
    """

    def compute(x: Arrays) -> np.ndarray:
        moves = np.diff(x["close"])
        gains = total(np.maximum(moves, 0), bars)
        losses = total(np.maximum(-moves, 0), bars)
        total_moves = gains + losses
        strengths: np.ndarray = np.where(total_moves > 0, 100 * gains / total_moves, 50.0)
        return strengths

    return Feature(
        f"rsi_{bars}",
        f"relative strength of the last {bars} moves; 50 where nothing moved",
        ("close",),
        bars + 1,
        compute,
        unit="0 to 100",
        low=0,
        high=100,
        formula=f"100 sum(max(d, 0), {bars}) / sum(|d|, {bars}), d = c - c[1]",
    )


def bollinger_place(bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        away = x["close"][bars - 1 :] - mean(x["close"], bars)
        band = 4 * deviation(x["close"], bars)
        places: np.ndarray = np.where(band > 0, 0.5 + away / band, 0.5)
        return places

    return Feature(
        f"bollinger_place_{bars}",
        f"where the close lies in the band of two deviations of the last {bars} closes about "
        f"their mean: 0 at its foot, 1 at its top; 0.5 where nothing moved",
        ("close",),
        bars,
        compute,
        formula=f"1/2 + (c - mean(c, {bars})) / (4 sd(c, {bars}))",
    )


def macd(short: int, long: int, bars: int) -> Feature:
    """MACD on exactly its window: the value that TA-Lib gives for these bars alone.

    Each average begins as the plain mean of its first bars and is smoothed from there on. So
    it is a weighted mean of the window's closes, with the same weights for every window.
    """
    return Feature(
        f"macd_{short}_{long}",
        f"MACD line over the close: mean of about {short} closes less that of about {long}, "
        f"the newest counting most, from the last {bars} bars",
        ("close",),
        bars,
        lambda x: weighted(x["close"], _lines(short, long, bars)[-1]) / x["close"][bars - 1 :],
        formula=f"line / c, line = ema(c, {short}) - ema(c, {long})",
    )


def macd_signal(short: int, long: int, signal: int, bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        weights = _smoothed(_lines(short, long, bars), signal)[-1]
        lines_over_close: np.ndarray = weighted(x["close"], weights) / x["close"][bars - 1 :]
        return lines_over_close

    return Feature(
        f"macd_signal_{short}_{long}_{signal}",
        f"mean of about {signal} MACD lines over the close, the newest counting most, from the "
        f"last {bars} bars",
        ("close",),
        bars,
        compute,
        formula=f"ema(line, {signal}) / c, line = ema(c, {short}) - ema(c, {long})",
    )


def macd_histogram(short: int, long: int, signal: int, bars: int) -> Feature:
    def compute(x: Arrays) -> np.ndarray:
        lines = _lines(short, long, bars)
        weights = lines[-1] - _smoothed(lines, signal)[-1]
        lines_over_close: np.ndarray = weighted(x["close"], weights) / x["close"][bars - 1 :]
        return lines_over_close

    return Feature(
        f"macd_histogram_{short}_{long}_{signal}",
        f"MACD line less its signal, over the close, from the last {bars} bars",
        ("close",),
        bars,
        compute,
        formula=f"(line - ema(line, {signal})) / c, line = ema(c, {short}) - ema(c, {long})",
    )


def _lines(short: int, long: int, bars: int) -> np.ndarray:
    """Return the MACD lines of a window, oldest first, as weights of the window's closes."""
    closes = np.eye(bars)
    lines: np.ndarray = _smoothed(closes[long - short :], short) - _smoothed(closes, long)
    return lines


def _smoothed(rows: np.ndarray, bars: int) -> np.ndarray:
    """Return exponential averages: first the plain mean of `bars` rows, then one for each row."""
    averages = [rows[:bars].mean(axis=0)]
    for row in rows[bars:]:
        averages.append(averages[-1] + 2 / (bars + 1) * (row - averages[-1]))
    return np.array(averages)
