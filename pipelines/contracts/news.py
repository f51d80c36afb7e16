"""The tables of news, from the stories as they came to the signals of a topic."""

from __future__ import annotations

from pipelines.contracts.columns import (
    ASKED_MODEL,
    BATCH,
    KNOWN_AT,
    LIVE,
    RECEIVED_AT,
    SENTIMENT_MODEL,
    SENTIMENT_SHA256,
    SENTIMENT_VERSION,
    SMALL_GROUP,
    SOURCE,
    STORY,
    TOPIC,
)
from pipelines.contracts.schema import Column, Rule, Table

BRONZE_NEWS = Table(
    "bronze",
    "news",
    "Stories as the source said them, every version; only a withdrawal takes rows out",
    (
        SOURCE,
        STORY.replace(nullable=True),
        Column("url", "VARCHAR", "address as the source said it", nullable=True),
        Column("title", "VARCHAR", "headline as the source said it", nullable=True),
        Column("summary", "VARCHAR", "first sentences, where the source has them", nullable=True),
        Column("outlet", "VARCHAR", "who published it: a name or a domain", nullable=True),
        Column("language", "VARCHAR", "language as the source said it", nullable=True),
        Column("published_at", "TIMESTAMPTZ", "as the publisher said it", "UTC", nullable=True),
        Column("seen_at", "TIMESTAMPTZ", "since when the source had it", "UTC", nullable=True),
        Column("symbols", "VARCHAR[]", "symbols that it is about", nullable=True),
        Column("topics", "VARCHAR[]", "topics that it is about", nullable=True),
        Column("row", "BIGINT", "place in the answer"),
        RECEIVED_AT,
        BATCH,
    ),
    key=("source", "story", "batch", "row"),
)

SILVER_NEWS = Table(
    "silver",
    "news",
    "One row per story: as it was when it first became known; repetitions are counted, not listed",
    (
        SOURCE,
        STORY,
        Column("url", "VARCHAR", "canonical address, http or https"),
        Column("title", "VARCHAR", "headline, as plain text"),
        Column("summary", "VARCHAR", "first sentences, as plain text", nullable=True),
        Column("outlet", "VARCHAR", "who published it: a name or a domain", nullable=True),
        Column("language", "VARCHAR", "language of the title: en, de, ...; und: not known"),
        Column(
            "published_at",
            "TIMESTAMPTZ",
            "when it was published; null where nobody said",
            "UTC",
            nullable=True,
        ),
        KNOWN_AT,
        Column("symbols", "VARCHAR[]", "symbols that it is about"),
        Column("topics", "VARCHAR[]", "topics that it is about"),
        Column(
            "duplicate_of",
            "VARCHAR",
            "an earlier story of the day with a near-equal title, which counts instead; null: none",
            nullable=True,
        ),
        Column("repeats", "INTEGER", "later stories that repeat this one", "stories", low=0),
        Column("corrections", "INTEGER", "later versions of this story", "versions", low=0),
        Column("corrected_title", "VARCHAR", "title of the newest version", nullable=True),
        Column("corrected_at", "TIMESTAMPTZ", "from when on that was known", "UTC", nullable=True),
        Column("polarity", "DOUBLE", "TextBlob's polarity of the title", "-1 to 1", low=-1, high=1),
        Column("subjectivity", "DOUBLE", "TextBlob's subjectivity of it", "0 to 1", low=0, high=1),
        Column(
            "financial_tone",
            "DOUBLE",
            "words of gain less words of loss, by their number; the dictionary is ours",
            "-1 to 1",
            low=-1,
            high=1,
        ),
        Column(
            "policy_tone",
            "DOUBLE",
            "words of easing less words of tightening, by their number; the dictionary is ours",
            "-1 to 1",
            low=-1,
            high=1,
        ),
        RECEIVED_AT.replace(meaning="when the version that counts arrived"),
        BATCH,
    ),
    key=("source", "story"),
    sort=("source", "known_at", "story"),
    group_rows=SMALL_GROUP,
    rules=(
        Rule("known_in_time", "known_at <= received_at", "nothing is known after it was received"),
        Rule("safe_url", "regexp_matches(url, '^https?://')", "the address is http or https"),
    ),
)

NEWS_SENTIMENT = Table(
    "gold",
    "news_sentiment",
    "What a sentiment model said of each story's title",
    (
        SOURCE,
        STORY,
        KNOWN_AT,
        SENTIMENT_MODEL,
        SENTIMENT_VERSION,
        SENTIMENT_SHA256,
        ASKED_MODEL,
        Column(
            "positive", "DOUBLE", "probability that the title is positive", "0 to 1", low=0, high=1
        ),
        Column(
            "negative", "DOUBLE", "probability that the title is negative", "0 to 1", low=0, high=1
        ),
        Column(
            "neutral", "DOUBLE", "probability that the title is neutral", "0 to 1", low=0, high=1
        ),
        Column("sentiment", "DOUBLE", "positive less negative", "-1 to 1", low=-1, high=1),
        BATCH,
    ),
    key=("source", "story", "sentiment_sha256"),
    sort=("source", "known_at", "story"),
)

NEWS_SIGNALS = Table(
    "gold",
    "news_signals",
    "The sentiment of a topic's news over the 60 minutes up to window_end, known at that time",
    (
        SOURCE,
        TOPIC,
        Column("window_start", "TIMESTAMPTZ", "stories known after this count", "UTC"),
        Column("window_end", "TIMESTAMPTZ", "stories known up to this count", "UTC"),
        KNOWN_AT.replace(
            meaning="from when on this row was known: window_end, later for a row with late stories"
        ),
        Column("article_count", "INTEGER", "stories in the window", "stories", low=0),
        Column(
            "avg_sentiment",
            "DOUBLE",
            "mean of positive less negative; 0 without stories",
            "-1 to 1",
            low=-1,
            high=1,
        ),
        Column(
            "signal_strength",
            "DOUBLE",
            "size of avg_sentiment, by how many stories agree on it; 0 without stories",
            "0 to 1",
            low=0,
            high=1,
        ),
        Column("trading_signal", "INTEGER", "1 buy, 0 nothing, -1 sell", low=-1, high=1),
        Column(
            "quality_score",
            "DOUBLE",
            "how far the number, the outlets and the dates of the stories can be relied on",
            "0 to 1",
            low=0,
            high=1,
        ),
        Column(
            "positive", "DOUBLE", "mean probability; null without stories", "0 to 1", nullable=True
        ),
        Column(
            "negative", "DOUBLE", "mean probability; null without stories", "0 to 1", nullable=True
        ),
        Column(
            "neutral", "DOUBLE", "mean probability; null without stories", "0 to 1", nullable=True
        ),
        Column(
            "newest_age_seconds",
            "DOUBLE",
            "from the window's newest story to window_end; null without stories",
            "seconds",
            nullable=True,
            low=0,
        ),
        SENTIMENT_MODEL.replace(nullable=True),
        SENTIMENT_VERSION,
        SENTIMENT_SHA256.replace(nullable=True),
        ASKED_MODEL.replace(nullable=True),
        LIVE.replace(meaning="true: written before the next window had ended; it stays as it is"),
        Column("computed_at", "TIMESTAMPTZ", "when it was written", "UTC"),
        BATCH,
    ),
    key=("source", "topic", "window_end", "known_at"),
    sort=("source", "topic", "window_end", "known_at"),
)

TABLES: tuple[Table, ...] = (
    BRONZE_NEWS,
    SILVER_NEWS,
    NEWS_SENTIMENT,
    NEWS_SIGNALS,
)
