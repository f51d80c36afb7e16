"""A commit of live rows lies after its bar's close, and before the close of the next bar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.steps.proof.live_times import _find_fault

CLOSE = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
DUE = CLOSE + timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("scored", "due", "committed", "fault"),
    [
        (5, DUE, CLOSE + 6 * SECOND, ""),
        (5, DUE, None, ""),
        (-5, DUE, CLOSE + 6 * SECOND, "before the bar closed"),
        (3600, DUE, DUE + SECOND, "when the next bar had closed"),
        (3590, DUE, DUE + SECOND, "committed at"),
        (5, DUE, CLOSE - 60 * SECOND, "after its own commit"),
        (5, None, CLOSE + 6 * SECOND, "no such bar"),
    ],
    ids=["in time", "expired", "too early", "too late", "slow commit", "clock", "no bar"],
)
def test_the_times_of_a_commit(
    scored: int, due: datetime | None, committed: datetime | None, fault: str
) -> None:
    at = CLOSE + scored * SECOND
    message = _find_fault(CLOSE, at, at, due, committed)
    assert (fault in message) if fault else message == ""
