"""Rows that tests are trained on: hourly bars of some symbols, with a planted direction."""

from __future__ import annotations

import numpy as np

from pipelines.modeling.dataset import Rows

PLACES = 7


def hourly_rows(sessions: int = 100, symbols: int = 4, signal: float = 0.5, seed: int = 1) -> Rows:
    """Six features and the symbol's code; the first feature predicts the outcome."""
    random = np.random.default_rng(seed)
    bars = sessions * PLACES
    count = bars * symbols
    features = random.normal(0, 1, (count, 7)).astype(np.float32)
    symbol = np.tile(np.arange(symbols), bars)
    features[:, 1] *= 1e-3  # as small as an hourly return
    features[:, -1] = symbol
    outcome = signal * features[:, 0] + random.normal(0, 1, count)
    bar = np.repeat(np.arange(bars), symbols)
    session = np.datetime64("2026-01-01") + (bar // PLACES).astype("timedelta64[D]")
    place = bar % PLACES
    hours = session.astype("datetime64[us]") + np.timedelta64(14, "h")
    closes_at = hours + place.astype("timedelta64[h]")
    after = np.where(place < PLACES - 1, np.timedelta64(1, "h"), np.timedelta64(18, "h"))
    return Rows(features, outcome, symbol, closes_at, closes_at + after, session, place)
