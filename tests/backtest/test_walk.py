"""Windows cover each bar of the span once; a model knows no outcome of its own window."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from pipelines.backtest.market import BacktestRequest
from pipelines.backtest.walk import count_comparison_sessions, select_known, windows
from pipelines.core.calendar import utc
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.required import Minimums
from tests.backtest.price_paths import BARS, HOUR, times

SESSIONS = 10
TS, CLOSES_AT, SESSION, _ = times(SESSIONS * BARS)
ROWS = Rows(
    features=np.zeros((len(TS), 2), np.float32),
    outcome=np.ones(len(TS)),
    symbol=np.zeros(len(TS), np.int64),
    closes_at=CLOSES_AT,
    known_at=CLOSES_AT + HOUR,
    session=SESSION,
    place=np.arange(len(TS)) % BARS,
)


@pytest.mark.parametrize(("retrain", "count"), [(1, 10), (3, 4), (5, 2), (100, 1)])
def test_each_bar_closes_in_exactly_one_window(retrain: int, count: int) -> None:
    request = BacktestRequest("qqq", None, utc("2026-02-01"), retrain=retrain)
    cut = windows(ROWS, TS, request)
    assert [window.number for window in cut] == list(range(1, count + 1))
    scored_by = [(w.after < CLOSES_AT) & (w.until >= CLOSES_AT) for w in cut]
    assert (np.sum(scored_by, axis=0) == 1).all()
    for window, bars in zip(cut, scored_by, strict=True):
        assert (window.first, window.last) == (SESSION[bars].min(), SESSION[bars].max())
        assert window.as_of == TS[bars].min()


def test_what_is_not_known_or_too_old_is_left_out() -> None:
    as_of = TS[5 * BARS]
    known = select_known(ROWS, as_of, timedelta(days=3))
    assert (known.known_at <= as_of).all()
    assert (known.closes_at > as_of - np.timedelta64(3, "D")).all()
    assert len(known) == 3 * BARS


def test_a_comparison_needs_enough_sessions_for_all_its_parts() -> None:
    minimums, split = Minimums(rows=200, held_out=20, sessions=5), Split()
    count = count_comparison_sessions(split, minimums, 10, lost=2) - 2
    held_out = max(round(count * split.held_out), 2)
    assert (count - held_out) * 10 >= 200
    assert (held_out // 2) * 10 >= 20
    assert count_comparison_sessions(split, minimums, 100, lost=2) < count
