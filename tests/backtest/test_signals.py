"""Many bars at once say what one at a time says, with weights that were known."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.backtest.signals import directions, weights_at, wss
from pipelines.forecasts.combination import SIGNALS, ComponentWeighted
from pipelines.labels.action import ACTIONS, SCORES

BY = ComponentWeighted("qqq")
MEMBERS = ("A", "B", "C")


@given(
    st.lists(st.lists(st.integers(-1, 4), min_size=3, max_size=3), min_size=1, max_size=8),
    st.lists(st.integers(1, 30), min_size=3, max_size=3),
)
def test_it_says_what_combine_says(said: list[list[int]], parts: list[int]) -> None:
    weights = np.array(parts) / 100
    scores = np.array([[SCORES[one] if one >= 0 else np.nan for one in bar] for bar in said])
    value, coverage = wss(scores, np.tile(weights, (len(said), 1)))
    found = directions(value, coverage, BY, BY.buy_at, BY.sell_at)
    for bar, actions in enumerate(said):
        named = {m: ACTIONS[one] for m, one in zip(MEMBERS, actions, strict=True) if one >= 0}
        one = BY.combine(MEMBERS, named, dict(zip(MEMBERS, weights.tolist(), strict=True)))
        assert (value[bar], coverage[bar]) == (one.wss, one.coverage)
        assert SIGNALS[found[bar] + 1] == one.signal


def table(*rows: tuple[str, date, datetime, float]) -> pa.Table:
    symbol, effective, known_at, weight = zip(*rows, strict=True)
    return pa.table(
        {
            "symbol": symbol,
            "effective": pa.array(effective, pa.date32()),
            "known_at": pa.array(known_at, pa.timestamp("us", "UTC")),
            "weight": weight,
        }
    )


def test_weights_are_those_known_and_in_effect_and_whole() -> None:
    def at(day: int) -> datetime:
        return datetime(2026, 1, day, 12, tzinfo=UTC)

    told = table(
        ("A", date(2026, 1, 1), at(2), 0.6),
        ("B", date(2026, 1, 1), at(2), 0.4),
        ("A", date(2026, 1, 3), at(5), 0.5),  # in effect before it was known
        ("B", date(2026, 1, 3), at(5), 0.5),
        ("A", date(2026, 1, 6), at(5), 0.9),  # a set without B is not taken
        ("A", date(2026, 1, 8), at(5), 0.1),  # known before it is in effect
        ("B", date(2026, 1, 8), at(5), 0.9),
    )
    session = np.datetime64("2026-01-01") + np.arange(9)
    closes_at = session.astype("datetime64[us]") + np.timedelta64(20, "h")
    found, known = weights_at(told, ("A", "B"), closes_at, session)
    assert found[:, 0].tolist() == [0.5, 0.6, 0.6, 0.6, 0.5, 0.5, 0.5, 0.1, 0.1]
    assert known.tolist() == [False] + [True] * 8
