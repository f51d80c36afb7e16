"""Features of news: what a topic's newest window said, of those that had ended by the close."""

from __future__ import annotations

import numpy as np

from pipelines.features.base import Feature
from pipelines.features.inputs import Reference, news
from pipelines.features.intermarket import is_there
from pipelines.features.panel import Arrays

HOUR = 3600.0  # seconds that a window is long: the age that stands for no story in it

# Of a signal: what it means, its unit, and its bounds.
SIGNALS: dict[str, tuple[str, str, float, float | None]] = {
    "avg_sentiment": ("mean sentiment of the hour's stories", "-1 to 1", -1, 1),
    "signal_strength": ("how strongly the hour's stories agree", "0 to 1", 0, 1),
    "trading_signal": ("1 buy, 0 nothing, -1 sell", "signal", -1, 1),
    "article_count": ("stories of the hour", "stories", 0, None),
    "quality_score": ("how far the hour's stories can be relied on", "0 to 1", 0, 1),
}


def news_signal(topic: str, column: str) -> Feature:
    """The value of a news signal; 0 where no window was computed lately, which a flag says."""
    meaning, unit, low, high = SIGNALS[column]
    reference: Reference = getattr(news(topic), column)
    return Feature(
        f"news_{topic}_{column}",
        f"{meaning}, of {topic}",
        (reference,),
        1,
        lambda x: x[reference.name],
        unit=unit,
        low=low,
        high=high,
        neutral=0.0,
        formula=f"{column} of the newest window",
    )


def news_signals(topic: str) -> tuple[Feature, ...]:
    """Every signal of a topic's news, and whether there is any."""
    signals = tuple(news_signal(topic, column) for column in SIGNALS)
    return (*signals, is_there(news(topic).avg_sentiment))


def sentiment_change(topic: str, bars: int) -> Feature:
    """The change of the mean sentiment; 0 where either end has none."""
    sentiment: Reference = news(topic).avg_sentiment
    return Feature(
        f"news_{topic}_sentiment_change_{bars}",
        f"mean sentiment of the hour's stories less that of {bars} bars before, of {topic}",
        (sentiment,),
        bars + 1,
        lambda x: x[sentiment.name][bars:] - x[sentiment.name][:-bars],
        unit="-2 to 2",
        low=-2,
        high=2,
        neutral=0.0,
        formula=f"avg_sentiment - avg_sentiment[{bars}]",
    )


def news_ages(topic: str) -> tuple[Feature, ...]:
    """How old the newest window and its newest story are at the close, and whether it has one.

    Without a window its age is 0, and a flag of `news_signals` says so; without a story that of the
    story is an hour, the length of a window.
    """
    window: Reference = news(topic).age
    story: Reference = news(topic).newest_age_seconds

    def story_age(x: Arrays) -> np.ndarray:
        ages: np.ndarray = x[window.name] + x[story.name]
        return ages

    return (
        Feature(
            f"news_{topic}_age",
            f"from the end of the newest window to the close, of {topic}",
            (window,),
            1,
            lambda x: x[window.name],
            unit="seconds",
            low=0,
            neutral=0.0,
            formula="closes_at - window_end",
        ),
        Feature(
            f"news_{topic}_story_age",
            f"from when the window's newest story was known to the close, of {topic}",
            (window, story),
            1,
            story_age,
            unit="seconds",
            low=0,
            neutral=HOUR,
            formula="closes_at - window_end + newest_age_seconds",
        ),
        is_there(story),
    )
