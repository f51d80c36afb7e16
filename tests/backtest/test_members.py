"""A backtest weighs members as a published signal would have, and says whom it knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.backtest.members import (
    count_market_members,
    describe_membership,
    member_weights,
)
from pipelines.core.universes import universe
from tests.backtest import small_backtest
from tests.dated_universe import write_universe
from tests.scoring.index_weights import weight_rows

QQQ = universe("qqq")
SESSION = np.datetime64("2026-08-03") + np.arange(4)
CLOSES_AT = SESSION.astype("datetime64[us]") + np.timedelta64(20, "h")


def test_weights_are_those_that_were_known_and_a_member_without_one_weighs_nothing() -> None:
    rows = weight_rows(
        *((symbol, 0.05, "2026-08-04", "2026-08-04") for symbol in QQQ.symbols),
        *((symbol, 0.10, "2026-08-05", "2026-08-06") for symbol in QQQ.symbols[1:]),
    )
    weights, known = member_weights(rows, QQQ, CLOSES_AT, SESSION)
    assert known.tolist() == [False, True, True, True]
    assert weights[:, 0].tolist() == [0.1, 0.05, 0.05, 0.0]
    assert weights[:, 1].tolist() == [0.1, 0.05, 0.05, 0.1]


def test_who_is_no_member_on_the_date_weighs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_universe(tmp_path / "u", monkeypatch, "dated", "A,,2026-08-04,", "B,,,2026-08-06", "C,,,")
    dated = universe("dated")
    rows = weight_rows(*((symbol, 0.2, "2026-08-05", "2026-08-05") for symbol in "AB"))
    weights, known = member_weights(rows, dated, CLOSES_AT, SESSION)
    # Before any weight is known the members of the date weigh the same: B and C, then all three.
    assert weights.round(4).tolist() == [
        [0, 0.5, 0.5], [0.3333, 0.3333, 0.3333], [0.2, 0.2, 0], [0.2, 0, 0],
    ]  # fmt: skip
    assert known.tolist() == [False, False, True, True]
    assert describe_membership(dated, SESSION) == (
        "Members at a bar are those of dated on its date: 1 joined and 1 left within the span. 2 "
        "of 3 memberships have no 'from' and count from the beginning: survivorship is excluded as "
        "far as the file goes."
    )


def test_without_dates_survivorship_is_not_excluded_and_members_without_bars_are_named() -> None:
    text = describe_membership(QQQ, SESSION)
    assert text.startswith("Members are those of qqq as listed on 2025-12-22; who was")
    assert text.endswith("survivorship is not excluded.")
    market = small_backtest._market(small_backtest._scored_rows(), small_backtest.WEIGHTS)
    count = count_market_members(market, QQQ, SESSION)
    assert (count.members, count.with_bars) == (10, 10)
