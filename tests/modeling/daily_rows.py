"""Rows of one symbol, one bar a session, with a planted return and calm and wild times."""

from __future__ import annotations

import numpy as np

from pipelines.modeling.dataset import Rows

SIZE = 0.02  # of a usual return


def daily_rows(count: int = 1500, ic: float = 0.3, wild: float = 0.0, seed: int = 1) -> Rows:
    """Five features and the symbol's code: the first predicts the return, the second its size.

    `wild` is the deviation of the logarithm of the returns' size.
    """
    random = np.random.default_rng(seed)
    features = random.normal(0, 1, (count, 6)).astype(np.float32)
    features[:, -1] = 0
    moves = ic * features[:, 0] + np.sqrt(1 - ic**2) * random.normal(0, 1, count)
    outcome = SIZE * moves * np.exp(wild * features[:, 1])
    session = np.datetime64("2010-01-01") + np.arange(count)
    closes_at = session.astype("datetime64[us]") + np.timedelta64(21, "h")
    after = closes_at + np.timedelta64(24, "h")
    zeros = np.zeros(count, np.int64)
    return Rows(features, outcome, zeros, closes_at, after, session, zeros)
