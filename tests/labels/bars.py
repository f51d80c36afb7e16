"""Plausible bars for labels, made from closes alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.features import Panel

PRICES = ("open", "high", "low", "close")


def walk(seed: int, bars: int = 200) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(random.normal(0, 0.01, bars)))


def prices(close: np.ndarray) -> dict[str, np.ndarray]:
    """Bars that close there: how wide each is hangs on its own close alone."""
    wide = 0.002 + 0.02 * (close * 1000 % 1)
    return {
        "open": close * (1 - wide * 0.3),
        "high": close * (1 + wide * 0.2),
        "low": close * (1 - wide * 0.8),
        "close": close,
    }


def panel_of(
    *symbols: np.ndarray | Mapping[str, np.ndarray], hole: int | None = None, relay: bool = False
) -> Panel:
    """Symbols end to end, by their closes or their prices.

    After `hole` a bar is missing. In a relay each begins on the bar after the last one's end.
    """
    each = [prices(one) if isinstance(one, np.ndarray) else one for one in symbols]
    rows = [np.arange(len(one["close"])) for one in each]
    ordinals = [row + (row > (10**9 if hole is None else hole)) for row in rows]
    arrays = {name: np.concatenate([one[name] for one in each]) for name in PRICES}
    starts = np.cumsum([0, *map(len, rows)])[:-1]
    if relay:
        ordinals = [ordinal + start for ordinal, start in zip(ordinals, starts, strict=True)]
    return Panel(arrays | {"ordinal": np.concatenate(ordinals)}, starts)
