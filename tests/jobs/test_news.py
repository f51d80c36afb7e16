"""Runs of news: what is asked of which source, what was missed, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines import jobs
from pipelines.core.errors import InvalidRequest, NothingToDo
from pipelines.jobs.news import NewsRun
from pipelines.lake import Lake
from pipelines.sentiment.headlines import headline_model
from pipelines.sources.sample import Sample

TOPIC = "sp500"
START = datetime(2026, 9, 1, 14, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
RUN = NewsRun(TOPIC, START, START + QUARTER, "r")


def known_span(lake: Lake) -> tuple[Any, ...]:
    row = lake.rows("SELECT count(*), min(known_at), max(known_at) FROM silver.news")[0]
    return row[0], *(at and at.astimezone(UTC) for at in row[1:])


def test_a_run_brings_the_stories_of_its_interval(lake: Lake) -> None:
    counts = jobs.bring_news("sample", RUN)
    count, first, last = known_span(lake)
    assert counts["accepted"] == count > 0
    assert RUN.start <= first <= last < RUN.end
    assert jobs.bring_news("sample", RUN)["accepted"] == 0


def test_what_earlier_runs_missed_is_brought_too_but_not_by_a_backfill(lake: Lake) -> None:
    jobs.bring_news("sample", RUN)
    later = replace(RUN, start=START + 6 * QUARTER, end=START + 7 * QUARTER)
    jobs.bring_news("sample", replace(later, fill=False))
    _, _, last = known_span(lake)
    assert last >= later.start
    gap = "SELECT count(*) FROM silver.news WHERE known_at >= ? AND known_at < ?"
    assert lake.rows(gap, [RUN.end, later.start]) == [(0,)]
    after = replace(later, start=later.end, end=later.end + QUARTER)
    jobs.bring_news("sample", after)
    assert lake.rows(gap, [RUN.end, later.start]) == [(0,)], "the newest run is what counts"


def test_a_gap_is_filled_from_where_the_last_run_ended(lake: Lake) -> None:
    jobs.bring_news("sample", RUN)
    later = replace(RUN, start=START + 6 * QUARTER, end=START + 7 * QUARTER)
    jobs.bring_news("sample", later)
    gap = "SELECT count(*) FROM silver.news WHERE known_at >= ? AND known_at < ?"
    assert lake.rows(gap, [RUN.end, later.start])[0][0] > 0


def test_a_source_of_few_calls_is_asked_in_few_runs_for_all_since(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sample, "news_every", timedelta(hours=1))
    with pytest.raises(NothingToDo, match=r"asked every 1:00:00.* next at 15:00"):
        jobs.bring_news("sample", RUN)
    jobs.bring_news("sample", replace(RUN, start=START + 3 * QUARTER, end=START + 4 * QUARTER))
    _, first, last = known_span(lake)
    assert first < START + QUARTER
    assert last >= START + 3 * QUARTER
    whole_day = replace(RUN, end=START + timedelta(days=1))
    assert jobs.bring_news("sample", whole_day)["accepted"] > 0


def test_a_range_that_is_not_over_is_refused() -> None:
    now = datetime.now(UTC)
    with pytest.raises(InvalidRequest, match="not over yet"):
        jobs.bring_news("sample", replace(RUN, start=now, end=now + QUARTER))


def test_a_source_without_news_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="yahoo has no news"):
        jobs.bring_news("yahoo", RUN)


def test_signals_follow_the_stories(lake: Lake) -> None:
    span = replace(RUN, end=START + 4 * QUARTER)
    jobs.bring_news("sample", span)
    counts = jobs.news_signals(["sample"], span)["sample"]
    assert counts["scored"] > 0
    assert (counts["added"], counts["unscored"]) == (4, 0)
    rows = lake.rows("SELECT window_end, article_count FROM gold.news_signals ORDER BY 1")
    assert [count > 0 for _, count in rows] == [True] * 4
    again = jobs.news_signals(["sample"], span)["sample"]
    assert (again["scored"], again["added"]) == (0, 0)


def test_every_row_says_which_model_spoke_and_which_one_was_asked_for(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_SENTIMENT", "finbert")
    span = replace(RUN, end=START + 4 * QUARTER)
    jobs.bring_news("sample", span)
    jobs.news_signals(["sample"], span)
    model = headline_model()
    for table in ("news_sentiment", "news_signals"):
        assert lake.rows(
            f"""SELECT DISTINCT sentiment_model, sentiment_version, sentiment_sha256, asked_model
                FROM gold.{table}"""
        ) == [("headlines", model.version, model.sha256, "finbert")]
