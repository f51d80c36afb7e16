"""What a run is to do, and how an error ends a task."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.core.errors import (
    BullionError,
    CheckFailed,
    InvalidRequest,
    LakeError,
    NothingToDo,
    SourceUnavailable,
)
from pipelines.forecasts import FORECASTS

START, END, AFTER = (datetime(2026, 9, 1, hour, tzinfo=UTC) for hour in (14, 15, 16))
FORM = {
    "source": "sample", "universe": "qqq", "symbols": [], "start": None, "end": None,
    "force": False,
}  # fmt: skip


def run(kind: str = "scheduled", interval: bool = True) -> Any:
    return SimpleNamespace(
        run_type=kind,
        run_id="r",
        run_after=AFTER,
        data_interval_start=START if interval else None,
        data_interval_end=END if interval else None,
    )


def request(form: dict[str, Any] | None = None, **of_run: Any) -> Any:
    import wiring

    return wiring.request_of(FORECASTS[0], FORM | (form or {}), run(**of_run))


def test_a_run_is_about_its_interval_and_fills_what_was_missed() -> None:
    wanted = request()
    assert (wanted.start, wanted.at, wanted.fill, wanted.run) == (START, END, True, "r")
    assert len(wanted.symbols) == 10


def test_a_backfill_keeps_to_its_interval() -> None:
    assert request(kind="backfill").fill is False


def test_a_run_by_hand_without_an_interval_knows_nothing_later_than_its_start() -> None:
    wanted = request(kind="manual", interval=False)
    assert (wanted.start, wanted.at, wanted.fill) == (None, AFTER, True)


def test_a_range_in_the_form_is_the_range_that_is_done() -> None:
    form = {"start": "2026-08-01T00:00:00Z", "end": "2026-08-05T00:00:00Z", "symbols": ["NVDA"]}
    wanted = request(form, kind="manual", interval=False)
    assert (wanted.start, wanted.at) == tuple(datetime(2026, 8, day, tzinfo=UTC) for day in (1, 5))
    assert (wanted.fill, wanted.symbols) == (False, ("NVDA",))


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (NothingToDo, "AirflowSkipException"),
        (InvalidRequest, "AirflowFailException"),
        (CheckFailed, "AirflowFailException"),
        (SourceUnavailable, "SourceUnavailable"),
        (LakeError, "LakeError"),
    ],
)
def test_what_cannot_help_is_not_tried_again(error: type[BullionError], ends: str) -> None:
    import wiring

    @wiring.step()
    def task() -> None:
        raise error("why", "what to do")

    with pytest.raises(Exception, match="why\n  Hint: what to do") as caught:
        task.function()
    assert type(caught.value).__name__ == ends
