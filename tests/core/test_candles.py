"""Bars joined to candles lose no price and no volume."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.candles import join_bars

FIRST = datetime(2026, 9, 1, tzinfo=UTC)
PRICES = st.lists(st.floats(1, 1000), min_size=4, max_size=4)
VOLUMES = st.none() | st.floats(0, 1e9)


def build_bars(rows: list[tuple[list[float], float | None]]) -> pa.Table:
    return pa.table(
        {
            "ts": [FIRST + timedelta(hours=n) for n in range(len(rows))],
            "closes_at": [FIRST + timedelta(hours=n + 1) for n in range(len(rows))],
            "open": [prices[0] for prices, _ in rows],
            "high": [max(prices) for prices, _ in rows],
            "low": [min(prices) for prices, _ in rows],
            "close": [prices[-1] for prices, _ in rows],
            "volume": pa.array([volume for _, volume in rows], pa.float64()),
            "rsi_14": pa.array([float(n) for n in range(len(rows))]),
        }
    )


@given(st.lists(st.tuples(PRICES, VOLUMES), min_size=1, max_size=40), st.integers(1, 50))
def test_each_candle_is_its_bars(rows: list[tuple[list[float], float | None]], most: int) -> None:
    bars = build_bars(rows).to_pylist()
    candles = join_bars(build_bars(rows), most).to_pylist()
    assert 1 <= len(candles) <= most
    assert sum(candle["bars"] for candle in candles) == len(rows)
    at = 0
    for candle in candles:
        group = bars[at : at + candle["bars"]]
        at += candle["bars"]
        expected = _join_by_hand(group)
        # Several volumes have several sums, by the order in which they are added.
        volume, sum_by_hand = candle.pop("volume"), expected.pop("volume")
        assert (volume is None) == (sum_by_hand is None)
        assert volume is None or volume == pytest.approx(sum_by_hand, rel=1e-12)
        assert candle == expected
    assert len({candle["bars"] for candle in candles[:-1]}) <= 1


def _join_by_hand(group: list[dict[str, Any]]) -> dict[str, Any]:
    volumes = [bar["volume"] for bar in group if bar["volume"] is not None]
    return group[-1] | {
        "ts": group[0]["ts"],
        "open": group[0]["open"],
        "high": max(bar["high"] for bar in group),
        "low": min(bar["low"] for bar in group),
        "volume": sum(volumes) if volumes else None,
        "bars": len(group),
    }


def test_a_new_bar_changes_no_candle_but_the_last() -> None:
    rows = [([float(n + 1)] * 4, 1.0) for n in range(10)]
    before, after = (join_bars(build_bars(rows[:count]), 5).to_pylist() for count in (9, 10))
    assert before[:4] == after[:4]
    assert (before[4]["bars"], after[4]["bars"]) == (1, 2)


def test_no_bars_are_no_candles() -> None:
    candles = join_bars(build_bars([([1.0] * 4, 1.0)]).slice(0, 0), 5)
    assert candles.num_rows == 0
    assert "bars" in candles.schema.names
