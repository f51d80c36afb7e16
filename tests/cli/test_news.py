"""bullion news: stories are scored, and the windows of a topic follow."""

from __future__ import annotations

import pytest

from pipelines.lake import Lake
from tests.commands import Bullion

TOPIC = ("--topic", "sp500")
SPAN = ("--start", "2026-08-31T12:00Z", "--end", "2026-08-31T14:00Z")


def test_stories_become_signals(bullion: Bullion, lake: Lake) -> None:
    assert bullion("ingest", "--dataset", "news", *TOPIC, *SPAN)[0] == 0
    code, out, err = bullion("news", *TOPIC, *SPAN)
    assert (code, err) == (0, "")
    ((stories, scored),) = lake.rows(
        """SELECT count(*), count(s.story) FROM silver.news n
           LEFT JOIN gold.news_sentiment s USING (source, story) WHERE duplicate_of IS NULL"""
    )
    assert stories == scored > 0
    assert f"sample: {stories:,} stories scored" in out
    assert "news signals of sp500: 8 windows added" in out
    assert "8 unchanged" not in out
    assert lake.rows("SELECT count(*) FROM gold.news_signals") == [(8,)]
    assert "0 windows added" in bullion("news", *TOPIC, *SPAN)[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--topic", "sp501"), "unknown topic 'sp501'"),
        ((*TOPIC, "--source", "yahoo"), "yahoo has no news"),
        ((*TOPIC, "--start", "2026-09-01", "--end", "2026-08-01"), "the range starts at"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    bullion: Bullion, lake: Lake, words: tuple[str, ...], sentence: str
) -> None:
    code, out, err = bullion("news", *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err
