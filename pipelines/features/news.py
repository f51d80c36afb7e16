"""Features of news: what a topic's newest window said, of those that had ended by the close."""

from __future__ import annotations

from pipelines.features.base import Feature
from pipelines.features.inputs import Reference, news
from pipelines.features.intermarket import is_there

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
    )


def news_signals(topic: str) -> tuple[Feature, ...]:
    """Every signal of a topic's news, and whether there is any."""
    signals = tuple(news_signal(topic, column) for column in SIGNALS)
    return (*signals, is_there(news(topic).avg_sentiment))
