"""What was published of an index stands beside what the index did from that close to the next."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.calendar import UTC_TYPE
from pipelines.core.universe_files import Member
from pipelines.core.universes import Universe
from pipelines.scoring.index_evidence import IndexBars, add_index_evidence, build_index_bars
from tests.gates.market import build_evidence

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEMBERS = Universe("pair", "QQQ", "/NQ", (Member("AAA"), Member("BBB")), "pair", fund="QQQ")
BARS = pa.schema(
    [
        ("symbol", pa.string()),
        ("closes_at", UTC_TYPE),
        ("session", pa.date32()),
        ("close", pa.float64()),
        ("next_close_at", UTC_TYPE),
    ]
)


def bars_of(**closes: list[float | None]) -> pa.Table:
    rows = [
        {
            "symbol": symbol,
            "closes_at": OPEN + HOUR * place,
            "session": date(2026, 3, 2),
            "close": close,
            "next_close_at": OPEN + HOUR * (place + 1),
        }
        for symbol, values in closes.items()
        for place, close in enumerate(values)
        if close is not None
    ]
    return pa.Table.from_pylist(rows, schema=BARS)


def weights_of(known_at: datetime) -> pa.Table:
    return pa.table(
        {
            "symbol": ["AAA", "BBB"],
            "weight": [0.3, 0.1],
            "effective": pa.array([date(2026, 3, 1)] * 2, pa.date32()),
            "known_at": pa.array([known_at] * 2, UTC_TYPE),
            "partial": [False] * 2,
        }
    )


def build(known_at: datetime = OPEN, **fund: list[float | None]) -> IndexBars:
    members = bars_of(AAA=[100.0, 110.0, 110.0], BBB=[50.0, 50.0, 55.0])
    return build_index_bars(MEMBERS, members, bars_of(**fund), weights_of(known_at))


def test_the_return_runs_to_the_next_own_close_by_fund_or_by_members() -> None:
    of_members = build()
    expected = [np.log(0.75 * 1.1 + 0.25), np.log(0.75 + 0.25 * 1.1), np.nan]
    np.testing.assert_allclose(of_members.next_return, expected)
    of_fund = build(QQQ=[200.0, 210.0, None])
    np.testing.assert_allclose(of_fund.next_return, [np.log(1.05), expected[1], np.nan])


def test_after_a_gap_comes_no_next_bar() -> None:
    members = bars_of(AAA=[100.0, None, 110.0], BBB=[50.0, None, 55.0])
    bars = build_index_bars(MEMBERS, members, bars_of(), weights_of(OPEN))
    assert len(bars.closes_at) == 2
    assert np.isnan(bars.next_return).all()


def test_weights_count_from_when_they_were_known() -> None:
    bars = build(known_at=OPEN + HOUR)
    assert np.isnan(bars.weights[0]).all()
    np.testing.assert_allclose(bars.weights[1], [0.3, 0.1])


def bars_of_evidence(closes: np.ndarray, next_return: np.ndarray) -> IndexBars:
    weights = np.tile([0.3, 0.1], (len(closes), 1))
    return IndexBars(MEMBERS, closes, closes.astype("datetime64[D]"), next_return, weights)


def test_scores_are_combined_as_a_signal_is() -> None:
    evidence = build_evidence(sessions=12, symbols=2)
    closes = np.unique(evidence.judging.closes_at)
    bars = bars_of_evidence(closes, np.where(np.arange(len(closes)) < 50, 0.01, np.nan))
    (index,) = add_index_evidence(evidence, ("AAA", "BBB"), (bars,)).indexes
    assert len(index.wss) == 50, "bars whose next return is not known are not judged"
    published = evidence.published_score.reshape(-1, 2)[:50]
    np.testing.assert_allclose(index.wss, published @ [0.75, 0.25], atol=1e-9)
    expected = (evidence.outputs @ np.array(evidence.scores)).reshape(-1, 2)[:50]
    np.testing.assert_allclose(index.expected_wss, expected @ [0.75, 0.25], atol=1e-9)


@pytest.mark.parametrize("symbols", [("AAA", "CCC"), ("CCC", "DDD")])
def test_who_is_no_member_counts_for_nothing(symbols: tuple[str, str]) -> None:
    evidence = build_evidence(sessions=12, symbols=2)
    closes = np.unique(evidence.judging.closes_at)
    bars = bars_of_evidence(closes, np.full(len(closes), 0.01))
    (index,) = add_index_evidence(evidence, symbols, (bars,)).indexes
    if "AAA" in symbols:
        published = evidence.published_score.reshape(-1, 2)[:, 0]
        np.testing.assert_allclose(index.wss, published * 0.75, atol=1e-9)
    else:
        assert len(index.wss) == 0
