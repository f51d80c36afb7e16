"""The interval of a run, and the clock that it is checked against."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import jobs
from pipelines.core.errors import (
    InvalidRequest,
)
from pipelines.core.intervals import utc
from pipelines.core.settings import Settings
from pipelines.core.universes import universe
from pipelines.forecasts import NVDA_5M, forecast
from pipelines.forecasts.target import Schedule
from pipelines.jobs.run import run_interval
from tests.dated_universe import write_universe
from tests.jobs.run_requests import (
    NAME,
    NEWEST,
    bring_and_score,
    request,
)
from tests.recent import NOW, rows_of, run_notes


def test_a_run_without_an_interval_is_about_the_newest_bar(trained: Settings) -> None:
    run = replace(request("manual"), start=None, at=NOW)
    bring_and_score(run)
    assert {row["closes_at"] for row in rows_of(trained, "predictions")} == {NEWEST[1]}


def test_a_run_without_an_interval_covers_what_the_schedule_says() -> None:
    schedule = Schedule(grace=timedelta(seconds=5), every=timedelta(minutes=15))
    minutes = replace(NVDA_5M, interval="1m", schedule=schedule)
    run = replace(request("manual"), start=None, at=utc("2026-11-20T15:07+00:00"))
    quarter = utc("2026-11-20T14:45+00:00"), utc("2026-11-20T15:00+00:00")
    assert run_interval(minutes, run) == quarter
    minute = utc("2026-11-20T15:06+00:00"), utc("2026-11-20T15:07+00:00")
    assert run_interval(replace(minutes, schedule=Schedule()), run) == minute


@pytest.mark.parametrize("back", [timedelta(hours=12), timedelta(days=40)])
def test_with_a_clock_moved_back_nothing_is_published(
    trained: Settings, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    jobs.bring_bars(NAME, request("before"))
    now = NEWEST[1] - back

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now

    monkeypatch.setattr("pipelines.jobs.run.datetime", Clock)
    for run in (request("ahead"), replace(request("manual"), start=None, at=now)):
        with pytest.raises(InvalidRequest, match="by the clock of this machine"):
            jobs.score(NAME, run)
        assert run_notes(trained, run.run)[-1][1] == "failed"
    assert rows_of(trained, "predictions") == []


def test_a_universe_that_is_no_part_of_the_forecasts_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    qqq = universe("qqq").symbols
    assert jobs.symbols_of(NAME, "qqq") == qqq
    assert jobs.symbols_of(NAME, "qqq", ["AAPL"]) == ("AAPL",)
    assert jobs.symbols_of("aapl_daily", "qqq") == ("AAPL",)
    # One symbol in common is not enough: the forecast's others would never be brought.
    write_universe(tmp_path / "mine", monkeypatch, "mine", "AAPL,,,", "IBM,,,")
    assert jobs.symbols_of(NAME, "mine") == forecast(NAME).symbols
