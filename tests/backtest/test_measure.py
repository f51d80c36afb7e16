"""Returns of a backtest are summed up."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.backtest.measure import summarise_returns
from pipelines.backtest.policy import Policy, simulate
from tests.backtest.price_paths import path


def test_always_long_earns_nothing_beyond_itself() -> None:
    price_path = path(5, 140)
    long = simulate(Policy(), price_path, np.ones(140, dtype=np.int64), 0.001)
    summary = summarise_returns(long, price_path, 0, long)
    assert summary["beyond_always_long"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert summary["net"]["value"] == pytest.approx(summary["gross"] - summary["cost"])
    assert summary["changes"] == 2
    assert summary["over_night"] == pytest.approx(long.gross[price_path.over_night].sum())
