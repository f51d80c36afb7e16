"""A training brings the news that its features read, once, and goes on without a dead wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines import jobs
from pipelines.core.errors import BullionError, InvalidRequest, NothingToDo, SourceUnavailable
from pipelines.forecasts import SP500_INTRADAY
from pipelines.jobs import NewsRun
from pipelines.lake import Lake
from tests.jobs.run_requests import request
from tests.recent import NOW

NAME = "news_reader"
HISTORY = timedelta(days=30)
READER = replace(
    SP500_INTRADAY,
    name=NAME,
    schedule=replace(SP500_INTRADAY.schedule, sample_history=HISTORY),
)
SPAN = "SELECT min(known_at), max(known_at), count(*) FROM silver.news"
RUN = replace(request("train"), start=None, at=NOW)


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.jobs.news.forecast", lambda name: READER)


def test_the_whole_history_is_brought_once_and_then_what_is_new(lake: Lake) -> None:
    assert READER.topics == ("sp500",)
    counts = jobs.bring_training_news(NAME, RUN)["sp500"]
    [(first, last, stories)] = lake.rows(SPAN)
    assert counts["accepted"] == stories > 100
    assert first - (NOW - HISTORY) < timedelta(hours=6)
    assert last < NOW
    assert jobs.bring_training_news(NAME, RUN) == {"sp500": "nothing is missing"}
    later = replace(RUN, at=NOW + timedelta(hours=1))
    runs: list[NewsRun] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.jobs.news.bring_news", lambda name, run: runs.append(run))
        jobs.bring_training_news(NAME, later)
    [run] = runs
    assert (run.start, run.end) == (NOW, later.at)


def test_a_range_that_was_named_has_no_other_stories(lake: Lake) -> None:
    day = replace(RUN, start=NOW - timedelta(days=1), fill=False)
    jobs.bring_training_news(NAME, day)
    [(first, last, _)] = lake.rows(SPAN)
    assert day.start <= first < last < NOW
    assert jobs.training_news_signals(NAME, day)["sp500"]["sample"]["added"] == 96


def test_the_windows_of_the_history_have_signals(lake: Lake) -> None:
    jobs.bring_training_news(NAME, RUN)
    counts = jobs.training_news_signals(NAME, RUN)["sp500"]["sample"]
    assert counts["added"] == HISTORY // timedelta(minutes=15)
    assert jobs.training_news_signals(NAME, RUN)["sp500"]["sample"]["added"] == 0


@pytest.mark.parametrize("error", [SourceUnavailable, InvalidRequest])
def test_a_wire_that_is_down_stops_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, error: type[BullionError]
) -> None:
    def fail(*_: object) -> None:
        raise error("the wire is down", "wait")

    monkeypatch.setattr("pipelines.jobs.news.bring_news", fail)
    assert jobs.bring_training_news(NAME, RUN) == {"sp500": "none: the wire is down"}


def test_a_source_without_news_skips_the_stage(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.jobs.news.news_source", lambda name: "")
    with pytest.raises(NothingToDo, match="sample has no news"):
        jobs.bring_training_news(NAME, RUN)
