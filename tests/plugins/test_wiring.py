"""The request of a run, and how the errors of Bullion end a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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

START, END, RUN_AFTER = (datetime(2026, 9, 1, hour, tzinfo=UTC) for hour in (14, 15, 16))
PARAMS = {
    "source": "sample", "universe": "qqq", "symbols": [], "start": None, "end": None,
    "force": False,
}  # fmt: skip


def run(kind: str = "scheduled", interval: bool = True) -> Any:
    return SimpleNamespace(
        run_type=kind,
        run_id="r",
        run_after=RUN_AFTER,
        data_interval_start=START if interval else None,
        data_interval_end=END if interval else None,
    )


def request_of(changes: dict[str, Any] | None = None, **of_run: Any) -> Any:
    import wiring

    return wiring.run_request(FORECASTS[0], PARAMS | (changes or {}), run(**of_run))


def test_a_run_has_its_interval_and_fills_missed_bars() -> None:
    request = request_of()
    assert (request.start, request.at, request.fill, request.run) == (START, END, True, "r")
    assert len(request.symbols) == 10


def test_a_backfill_keeps_to_its_interval() -> None:
    assert request_of(kind="backfill").fill is False


def test_a_manual_run_without_an_interval_uses_nothing_later_than_its_start() -> None:
    request = request_of(kind="manual", interval=False)
    assert (request.start, request.at, request.fill) == (None, RUN_AFTER, True)


def test_a_range_in_the_form_is_the_range_of_the_run() -> None:
    changes = {"start": "2026-08-01T00:00:00Z", "end": "2026-08-05T00:00:00Z", "symbols": ["NVDA"]}
    request = request_of(changes, kind="manual", interval=False)
    assert (request.start, request.at) == tuple(
        datetime(2026, 8, day, tzinfo=UTC) for day in (1, 5)
    )
    assert (request.fill, request.symbols) == (False, ("NVDA",))


@pytest.mark.parametrize(
    ("error", "exception"),
    [
        (NothingToDo, "AirflowSkipException"),
        (InvalidRequest, "AirflowFailException"),
        (CheckFailed, "AirflowFailException"),
        (SourceUnavailable, "SourceUnavailable"),
        (LakeError, "LakeError"),
    ],
)
def test_an_error_that_a_retry_cannot_cure_is_not_tried_again(
    error: type[BullionError], exception: str
) -> None:
    import wiring

    @wiring.step()
    def task() -> None:
        raise error("why", "what to do")

    with pytest.raises(Exception, match="why\n  Hint: what to do") as caught:
        task.function()
    assert type(caught.value).__name__ == exception


@pytest.mark.parametrize(("nice", "calls"), [(0, []), (10, [10])])
def test_a_long_task_makes_way_for_what_is_scored_meanwhile(
    nice: int, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    import wiring

    increments: list[int] = []
    monkeypatch.setattr("os.nice", increments.append)

    @wiring.step(nice=nice)
    def long_task() -> str:
        """Work for long."""
        return "ended"

    assert long_task.function() == "ended"
    assert increments == calls


NEWS_FORM = {"sources": ["sample"], "start": None, "end": None, "force": False}


def news_run_of(changes: dict[str, Any] | None = None, **of_run: Any) -> Any:
    import wiring

    return wiring.news_run("sp500", NEWS_FORM | (changes or {}), run(**of_run))


def test_a_run_of_news_has_its_interval_and_fills_what_was_missed() -> None:
    request = news_run_of()
    assert (request.topic, request.start, request.end) == ("sp500", START, END)
    assert (request.fill, request.run) == (True, "r")


def test_a_backfill_of_news_keeps_to_its_interval() -> None:
    assert news_run_of(kind="backfill").fill is False


def test_a_manual_run_of_news_has_the_quarter_of_an_hour_that_ended_last() -> None:
    request = news_run_of(kind="manual", interval=False)
    assert (request.start, request.end) == (RUN_AFTER - timedelta(minutes=15), RUN_AFTER)
    assert request.fill is True


def test_a_range_of_news_in_the_form_is_the_range_of_the_run() -> None:
    changes = {"start": "2026-08-01T00:00:00Z", "end": "2026-08-05T00:00:00Z"}
    request = news_run_of(changes, kind="manual", interval=False)
    assert [request.start.day, request.end.day, request.fill] == [1, 5, False]
    without_start = news_run_of({"end": "2026-08-05T00:00:00Z"}, kind="manual", interval=False)
    assert without_start.end - without_start.start == timedelta(minutes=15)
