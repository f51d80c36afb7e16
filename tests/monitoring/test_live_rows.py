"""Live rows: the newest sessions of them, and the evidence that gates judge."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.labels import Action
from pipelines.monitoring.live_rows import LiveRows, ReferenceRows
from tests.monitoring.live_rows import simulate_live_rows

BARS = 20  # of each session


def live_rows(sessions: int) -> LiveRows:
    live = simulate_live_rows(Action(), sessions * BARS)
    live.rows.session[:] = np.repeat(np.datetime64("2026-03-02") + np.arange(sessions), BARS)
    return live


@pytest.mark.parametrize(
    ("sessions", "rows", "expected"),
    [(3, 0, 3), (3, 4 * BARS, 4), (3, 4 * BARS + 1, 5), (30, 0, 10)],
)
def test_the_newest_rows_are_that_many_sessions_or_hold_that_many_rows(
    sessions: int, rows: int, expected: int
) -> None:
    live = live_rows(10)
    newest = live.newest(sessions, rows)
    assert newest.session_days.tolist() == live.session_days[-expected:].tolist()
    assert len(newest) == expected * BARS


def test_all_rows_are_the_newest_where_there_are_too_few() -> None:
    live = live_rows(10)
    assert len(live.newest(1, 10**9)) == len(live)
    assert len(live.take(np.zeros(len(live), bool)).newest(5, 5)) == 0


def test_live_rows_are_the_judging_rows_of_the_evidence() -> None:
    live, training = live_rows(2), live_rows(3)
    reference = ReferenceRows(training.rows, training.truth, ("first",), Action().scores)
    evidence = reference.build_evidence(live)
    assert evidence.judging is live.rows
    assert evidence.training is training.rows
    np.testing.assert_array_equal(evidence.truth, live.truth)
