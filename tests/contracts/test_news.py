"""The tables of news say when each row was known, and which model spoke."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.contracts.news import NEWS_SENTIMENT, NEWS_SIGNALS, SILVER_NEWS, TABLES


def test_silver_and_gold_say_since_when_a_row_was_known() -> None:
    for table in (SILVER_NEWS, NEWS_SENTIMENT, NEWS_SIGNALS):
        assert table.column("known_at").type == "TIMESTAMPTZ"
    assert "known_at" in NEWS_SIGNALS.key  # a later version stands beside what was published
    assert "sentiment_sha256" in NEWS_SENTIMENT.key


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [("https://a.example", True), ("http://a.example", True), ("javascript:x", False), ("", False)],
)
def test_an_address_is_of_the_web(url: str, is_safe: bool) -> None:
    [rule] = [rule for rule in SILVER_NEWS.rules if rule.name == "safe_url"]
    row = duckdb.execute(f"SELECT {rule.sql} FROM (SELECT ? AS url)", [url]).fetchone()
    assert row == (is_safe,)


def test_tables_are_sorted_as_they_are_read() -> None:
    assert [table.full_name for table in TABLES] == [
        "bronze.news", "silver.news", "gold.news_sentiment", "gold.news_signals",
    ]  # fmt: skip
    assert SILVER_NEWS.sort[:2] == ("source", "known_at")
