"""Answers about news: stories with their sentiment, and the signals of a topic."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from pipelines.contracts.news import NEWS_SENTIMENT, NEWS_SIGNALS, SILVER_NEWS
from serving.schemas.answers import Answer, Page, Provenance
from serving.schemas.fields import table_field


class Story(Answer):
    """One story, as it was when it first became known; its texts are foreign: show them as text."""

    source: str = table_field(SILVER_NEWS, "source")
    story: str = table_field(SILVER_NEWS, "story")
    title: str = table_field(SILVER_NEWS, "title")
    summary: str | None = table_field(SILVER_NEWS, "summary")
    outlet: str | None = table_field(SILVER_NEWS, "outlet")
    url: str = table_field(SILVER_NEWS, "url")
    language: str = table_field(SILVER_NEWS, "language")
    published_at: datetime | None = table_field(SILVER_NEWS, "published_at")
    known_at: datetime = table_field(SILVER_NEWS, "known_at")
    symbols: list[str] = table_field(SILVER_NEWS, "symbols")
    topics: list[str] = table_field(SILVER_NEWS, "topics")
    repeats: int = table_field(SILVER_NEWS, "repeats")
    corrected_title: str | None = table_field(SILVER_NEWS, "corrected_title")
    corrected_at: datetime | None = table_field(SILVER_NEWS, "corrected_at")
    sentiment: float | None = Field(
        description="positive less negative [-1 to 1]; null where no model has spoken yet"
    )
    positive: float | None = table_field(NEWS_SENTIMENT, "positive")
    negative: float | None = table_field(NEWS_SENTIMENT, "negative")
    neutral: float | None = table_field(NEWS_SENTIMENT, "neutral")
    sentiment_model: str | None = table_field(NEWS_SENTIMENT, "sentiment_model")
    sentiment_version: str | None = table_field(NEWS_SENTIMENT, "sentiment_version")
    sentiment_sha256: str | None = table_field(NEWS_SENTIMENT, "sentiment_sha256")
    asked_model: str | None = table_field(NEWS_SENTIMENT, "asked_model")


class TopicInfo(Answer):
    """A topic: what stories are about."""

    topic: str = table_field(NEWS_SIGNALS, "topic")
    meaning: str = Field(description="what stories of this topic are about")
    newest: datetime | None = Field(
        description="end of the newest window that has a signal; null where there is none [UTC]"
    )


class Topics(Provenance):
    """All topics."""

    news_source: str | None = Field(
        description="whose stories these are; null where no news belongs to the API's source"
    )
    topics: list[TopicInfo]


class RecentStories(Page):
    """Stories, those that became known last first; repetitions are counted and left out."""

    rows: list[Story]


class NewsSignal(Answer):
    """What the news of a topic said over an hour."""

    source: str = table_field(NEWS_SIGNALS, "source")
    topic: str = table_field(NEWS_SIGNALS, "topic")
    window_start: datetime = table_field(NEWS_SIGNALS, "window_start")
    window_end: datetime = table_field(NEWS_SIGNALS, "window_end")
    known_at: datetime = table_field(NEWS_SIGNALS, "known_at")
    article_count: int = table_field(NEWS_SIGNALS, "article_count")
    avg_sentiment: float = table_field(NEWS_SIGNALS, "avg_sentiment")
    signal_strength: float = table_field(NEWS_SIGNALS, "signal_strength")
    trading_signal: int = table_field(NEWS_SIGNALS, "trading_signal")
    quality_score: float = table_field(NEWS_SIGNALS, "quality_score")
    positive: float | None = table_field(NEWS_SIGNALS, "positive")
    negative: float | None = table_field(NEWS_SIGNALS, "negative")
    neutral: float | None = table_field(NEWS_SIGNALS, "neutral")
    newest_age_seconds: float | None = table_field(NEWS_SIGNALS, "newest_age_seconds")
    sentiment_model: str | None = table_field(NEWS_SIGNALS, "sentiment_model")
    sentiment_version: str | None = table_field(NEWS_SIGNALS, "sentiment_version")
    sentiment_sha256: str | None = table_field(NEWS_SIGNALS, "sentiment_sha256")
    asked_model: str | None = table_field(NEWS_SIGNALS, "asked_model")
    live: bool = table_field(NEWS_SIGNALS, "live")
    computed_at: datetime = table_field(NEWS_SIGNALS, "computed_at")


class NewsSignals(Page):
    """Signals of a topic, the newest first; a window that was restated is there twice."""

    rows: list[NewsSignal]


class NewestNewsSignal(Provenance, NewsSignal):
    """The newest signal of a topic's news, and whether it is late."""

    stale_at: datetime = Field(description="when the next window should be there [UTC]")
    stale: bool = Field(description="true: the next window should be there, and is not")
    age_seconds: int = Field(description="from window_end to the answer [seconds]")
