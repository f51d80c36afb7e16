"""Random prices and paths for the tests of a backtest."""

from __future__ import annotations

import numpy as np

from pipelines.backtest.path import Path

BARS = 7  # a session
HOUR = np.timedelta64(3_600_000_000, "us")


def times(bars: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Opens, closes, sessions and whether a bar is its session's last."""
    place = np.arange(bars) % BARS
    session = np.datetime64("2026-01-01") + np.arange(bars) // BARS
    ts = session.astype("datetime64[us]") + (14 + place) * HOUR
    return ts, ts + HOUR, session, place == BARS - 1


def prices(seed: int, shape: tuple[int, ...], scale: float = 0.01) -> dict[str, np.ndarray]:
    """Random consistent bars, with gaps between them."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(scale * random.standard_normal(shape), axis=0))
    before = np.concatenate([np.full((1, *shape[1:]), 100.0), close[:-1]])
    opened = before * np.exp(scale / 2 * random.standard_normal(shape))
    top = np.maximum(opened, close) * np.exp(scale * random.random(shape))
    bottom = np.minimum(opened, close) * np.exp(-scale * random.random(shape))
    return {"open": opened, "high": top, "low": bottom, "close": close}


def path(seed: int, bars: int, scale: float = 0.01) -> Path:
    columns = prices(seed, (bars,), scale)
    return Path(*times(bars), *columns.values(), columns["high"], columns["low"])
