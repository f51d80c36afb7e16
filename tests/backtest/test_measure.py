"""Returns are summed up with intervals over whole sessions."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.backtest.measure import resample_sessions, summarise_returns, total
from pipelines.backtest.policy import Policy, simulate
from tests.backtest.price_paths import path


def test_sessions_are_drawn_whole() -> None:
    """Copies of a row within a session are drawn together and do not narrow the interval."""
    session = np.datetime64("2026-01-01") + np.arange(40)
    values = np.random.default_rng(0).standard_normal(40)
    first = total(values, resample_sessions(session, 0))
    repeated = total(np.repeat(values, 10) / 10, resample_sessions(session.repeat(10), 0))
    assert (repeated.low, repeated.high) == pytest.approx((first.low, first.high))


def test_always_long_earns_nothing_beyond_itself() -> None:
    price_path = path(5, 140)
    long = simulate(Policy(), price_path, np.ones(140, dtype=np.int64), 0.001)
    summary = summarise_returns(long, price_path, 0, long)
    assert summary["beyond_always_long"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert summary["net"]["value"] == pytest.approx(summary["gross"] - summary["cost"])
    assert summary["changes"] == 2
    assert summary["over_night"] == pytest.approx(long.gross[price_path.over_night].sum())
