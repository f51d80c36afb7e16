"""`bullion news` scores the stories that are there, and writes the signals of a topic."""

from __future__ import annotations

from pipelines.lake import Lake
from tests.commands import Bullion

RANGE = ("--start", "2026-09-01T14:00+00:00", "--end", "2026-09-01T15:00+00:00")
NEWS = ("--source", "sample", "--topic", "sp500", *RANGE)


def test_signals_follow_an_ingest_and_a_repetition_changes_nothing(
    bullion: Bullion, lake: Lake
) -> None:
    code, _, error = bullion("ingest", "--dataset", "news", *NEWS)
    assert (code, error) == (0, "")
    code, out, _ = bullion("news", *NEWS)
    assert code == 0
    assert "stories scored; the sentiment model is headlines" in out
    assert "4 windows added, 0 recomputed" in out
    assert lake.rows("SELECT count(*), min(article_count) > 0 FROM gold.news_signals") == [
        (4, True)
    ]
    _, again, _ = bullion("news", *NEWS)
    assert "0 stories scored" in again
    assert "0 windows added, 0 recomputed" in again


def test_an_unknown_topic_and_a_source_without_news_are_refused(bullion: Bullion) -> None:
    code, _, error = bullion("news", "--topic", "sp5000", "--source", "sample")
    assert code == 2
    assert "sp500" in error
    code, _, error = bullion("news", "--topic", "sp500", "--source", "yahoo")
    assert code == 2
    assert "yahoo has no news" in error
