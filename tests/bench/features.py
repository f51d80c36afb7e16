"""The hourly features of 100 symbols over two years, beside pandas doing the same ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import numpy as np
import pandas as pd

from pipelines.features import HOURLY, Panel, feature_matrix
from tests.bench.measure import Figure

SYMBOLS, BARS, ROUNDS = 100, 3500, 3


def figures() -> Iterator[Figure]:
    frame = build_bars()
    panel = Panel(
        {name: frame[name].to_numpy() for name in frame.columns if name != "symbol"},
        np.arange(SYMBOLS) * BARS,
    )
    own_times, peer_times = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        features = feature_matrix(HOURLY, panel)
        own_times.append(time.perf_counter() - start)
        start = time.perf_counter()
        frame_features = compute_by_pandas(frame)
        peer_times.append(time.perf_counter() - start)
    expected = frame_features[[f.name for f in HOURLY]].to_numpy(np.float32)
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-5)
    ratios = sorted(a / b for a, b in zip(own_times, peer_times, strict=True))
    yield Figure(
        f"{len(HOURLY)} features of {SYMBOLS} symbols, {BARS:,} bars each",
        f"{median(own_times):.3f} s",
        f"{median(peer_times):.3f} s (pandas)",
        f"{median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
        "the same values",
    )


def build_bars() -> pd.DataFrame:
    random = np.random.default_rng(7)
    count = SYMBOLS * BARS
    steps = random.normal(0, 0.01, (SYMBOLS, BARS))
    close = (100 * np.exp(steps.cumsum(axis=1))).ravel()
    open_ = close * np.exp(random.normal(0, 0.003, count))
    place = np.tile(np.arange(BARS) % 7, SYMBOLS)
    return pd.DataFrame(
        {
            "symbol": np.repeat(np.arange(SYMBOLS), BARS),
            "open": open_,
            "high": np.maximum(open_, close) * 1.001,
            "low": np.minimum(open_, close) * 0.999,
            "close": close,
            "volume": random.integers(1, 9999, count).astype(float),
            "place": place.astype(float),
            "session_start": place == 0,
            "session_bars": np.full(count, 7.0),
        }
    )


def compute_by_pandas(x: pd.DataFrame) -> pd.DataFrame:
    """Compute the same features as an analyst would write them in pandas."""

    def rolling(values: pd.Series, window: int, statistic: str) -> pd.Series:
        grouped = values.groupby(x["symbol"]).rolling(window)
        return getattr(grouped, statistic)().reset_index(level=0, drop=True)

    def shifted(values: pd.Series, bars: int = 1) -> pd.Series:
        return values.groupby(x["symbol"]).shift(bars)

    close, volume = x["close"], x["volume"]
    logs = np.log(close)
    step = logs - shifted(logs)
    previous_close = shifted(close)
    moves = close - previous_close
    gains = rolling(moves.clip(lower=0), 14, "sum")
    losses = rolling((-moves).clip(lower=0), 14, "sum")
    true_range = np.maximum(x["high"], previous_close) - np.minimum(x["low"], previous_close)
    spread = x["high"] - x["low"]
    sma5, sma20 = rolling(close, 5, "mean"), rolling(close, 20, "mean")
    vol5, vol20 = rolling(step, 5, "std"), rolling(step, 20, "std")
    columns = {f"log_return_{n}": logs - shifted(logs, n) for n in (1, 2, 3, 10)}
    columns |= {
        "mean_return_5": rolling(step, 5, "mean"),
        "mean_return_20": rolling(step, 20, "mean"),
        "scaled_return_20": step / vol20,
        "volatility_5": vol5,
        "volatility_20": vol20,
        "volatility_ratio_5_20": vol5.where(vol20.notna()) / vol20,
        "rsi_14": 100 * gains / (gains + losses),
        "sma_gap_5": close / sma5 - 1,
        "sma_gap_20": close / sma20 - 1,
        "sma_cross_5_20": sma5 / sma20 - 1,
        "atr_14": rolling(true_range, 14, "mean") / close,
        "bollinger_width_20": 4 * rolling(close, 20, "std") / sma20,
        "range_ratio": spread / close,
        "body_ratio": (close - x["open"]) / spread,
        "volume_ratio_20": volume / rolling(shifted(volume), 20, "mean"),
        "overnight_gap": np.log(x["open"] / previous_close).where(
            x["session_start"] | previous_close.isna(), 0.0
        ),
        "place_in_session": (x["place"] + 1) / x["session_bars"],
    }
    return pd.DataFrame(columns)
