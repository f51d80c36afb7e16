"""An impossible request is refused before anything is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines.backtest.market import BacktestRequest
from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest

REQUEST = BacktestRequest("qqq", utc("2026-03-01"), utc("2026-05-01"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"retrain": 0},
        {"cost": -1.0},
        {"cost": float("nan")},
        {"end": utc("2026-01-01")},
        {"history": timedelta(hours=1)},
    ],
)
def test_an_impossible_request_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        replace(REQUEST, **wrong)  # type: ignore[arg-type]


def test_a_request_without_a_start_may_end_whenever() -> None:
    assert replace(REQUEST, start=None, end=utc("2020-01-01")).start is None
