"""What several rows were made of is joined; what lies between them stays out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.proof.dependencies import (
    find_span,
    join_spans,
    list_bar_answers,
    list_weight_answers,
    mark_within,
)
from tests.steps.proof.proven_lake import HOURLY, LIVE, MINUTES, NEWS_END

DAY = timedelta(days=1)
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def test_marked_is_what_lies_within() -> None:
    spans = ((BEGIN, BEGIN + DAY), (BEGIN + 3 * DAY, BEGIN + 4 * DAY))
    days = np.datetime64("2026-11-01", "us") + np.arange(6) * np.timedelta64(12 * 60, "m")
    assert mark_within(days, spans).tolist() == [True, True, False, False, False, False]
    assert not mark_within(np.array(["NaT"], "datetime64[us]"), spans).any()


def test_a_row_reads_what_its_features_look_back_at(proven: tuple[Lake, Registry]) -> None:
    ts = LIVE[1] - timedelta(hours=1)
    with proven[0].view() as view:
        span = find_span(view, HOURLY, "sample", ("AAPL",), ts, ts, LIVE[1], ("qqq",))
        news = find_span(view, MINUTES, "sample", ("ES",), NEWS_END - DAY, NEWS_END, NEWS_END)
        bars_between = view.one(
            """SELECT count(*) FROM silver.bars WHERE symbol = 'AAPL' AND "interval" = '1h'
               AND ts BETWEEN ? AND ?""",
            [span.first, ts],
        )
        answers = list_bar_answers(view, span, view.snapshot + 1)
        assert len(list_weight_answers(view, span, view.snapshot + 1)) == 1
        assert list_bar_answers(view, span, answers[0].batch) == []
    assert bars_between == HOURLY.look_back + 1
    assert span.landed_from < span.first
    assert span.indexes == ("QQQ",)
    assert span.news_source is None
    assert news.news_source == "sample"
    assert all(answer.symbols is None or "AAPL" in answer.symbols for answer in answers)
    assert len(answers) == 3  # the history, and the answer of each live bar


def test_spans_that_overlap_become_one(proven: tuple[Lake, Registry]) -> None:
    with proven[0].view() as view:
        spans = [
            find_span(view, MINUTES, "sample", ("ES",), at, at, at + timedelta(minutes=1))
            for at in (NEWS_END - timedelta(minutes=30), NEWS_END - timedelta(minutes=10))
        ]
    joined = join_spans(spans)
    assert len(joined.bar_ends) == len(joined.news_ends) == 1
    assert (joined.first, joined.known_by) == (spans[0].first, spans[1].known_by)
