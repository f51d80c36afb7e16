"""Windows of news: what the stories of the last hour say together, known when the hour is over.

A window ends every quarter of an hour. A story counts in the windows that were open when it became
known, so that a window never changes by what became known after its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE
from pipelines.core.instants import to_numpy

LENGTH = timedelta(minutes=60)
EVERY = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class NewsRule:
    """When a window's news say to buy or to sell, and how far they can be relied on."""

    threshold: float = 0.15  # avg_sentiment from which on they say something
    least_stories: int = 3  # fewer say nothing
    usual_stories: int = 5  # with so many the number alone is worth a half


RULE = NewsRule()


@dataclass(frozen=True, eq=False)
class Stories:
    """Stories of one topic with their sentiment, in the order in which they became known."""

    known_at: np.ndarray  # datetime64[us]
    probabilities: np.ndarray  # a column each: positive, negative, neutral
    outlet: np.ndarray  # text; an unknown one is empty, and counts as one by itself
    is_dated: np.ndarray  # whether the publisher said when

    def __post_init__(self) -> None:
        if np.any(np.diff(self.known_at) < np.timedelta64(0)):
            raise ValueError("stories come in the order in which they became known")


def window_ends(start: datetime, end: datetime) -> list[datetime]:
    """Return the ends of the windows that end after `start`, up to `end`."""
    first = (start - EPOCH) // EVERY + 1
    last = (end - EPOCH) // EVERY
    return [EPOCH + number * EVERY for number in range(first, last + 1)]


def windows_of(known_at: datetime) -> list[datetime]:
    """Return the ends of the windows in which a story counts that became known then."""
    tick = timedelta(microseconds=1)
    return window_ends(known_at - tick, known_at + LENGTH - tick)


def summarize_windows(
    stories: Stories, ends: Sequence[datetime], rule: NewsRule = RULE
) -> pa.Table:
    """Summarize the stories of each window; one without stories is a row that says so."""
    closes = np.array([to_numpy(end) for end in ends], "datetime64[us]")
    opens = closes - np.timedelta64(LENGTH)
    # A story that was known exactly when a window ended is in it, and not in the one after.
    first = np.searchsorted(stories.known_at, opens, side="right")
    last = np.searchsorted(stories.known_at, closes, side="right")
    rows = [
        _summarize(stories, slice(*span), close, rule)
        for *span, close in zip(first.tolist(), last.tolist(), closes, strict=True)
    ]
    names = list(_EMPTY)
    columns = {name: [row[name] for row in rows] for name in names}
    return pa.table(
        {
            "window_start": pa.array(opens, UTC_TYPE),
            "window_end": pa.array(closes, UTC_TYPE),
            **{name: pa.array(columns[name], _type_of(name)) for name in names},
        }
    )


_COUNTS = ("article_count", "trading_signal")
_EMPTY: dict[str, float | int | None] = {
    "article_count": 0,
    "avg_sentiment": 0.0,
    "signal_strength": 0.0,
    "trading_signal": 0,
    "quality_score": 0.0,
    "positive": None,
    "negative": None,
    "neutral": None,
    "newest_age_seconds": None,
}


def _type_of(name: str) -> pa.DataType:
    return pa.int32() if name in _COUNTS else pa.float64()


def _summarize(
    stories: Stories, window: slice, close: np.datetime64, rule: NewsRule
) -> dict[str, float | int | None]:
    count = window.stop - window.start
    if count == 0:
        return _EMPTY
    # A sum over the same stories is the same to the bit, whatever was read beside them.
    positive, negative, neutral = (stories.probabilities[window].sum(axis=0) / count).tolist()
    sentiment = stories.probabilities[window, 0] - stories.probabilities[window, 1]
    average = positive - negative
    agreeing = float(np.mean(np.sign(sentiment) == np.sign(average)))
    speaks = abs(average) >= rule.threshold and count >= rule.least_stories
    outlets = stories.outlet[window]
    distinct = len(set(outlets[outlets != ""].tolist())) + int((outlets == "").sum())
    parts = (
        count / (count + rule.usual_stories),
        distinct / count,
        float(stories.is_dated[window].mean()),
    )
    age = (close - stories.known_at[window.stop - 1]) / np.timedelta64(1, "s")
    return {
        "article_count": count,
        "avg_sentiment": average,
        "signal_strength": abs(average) * agreeing,
        "trading_signal": int(np.sign(average)) if speaks else 0,
        "quality_score": sum(parts) / len(parts),
        "positive": positive,
        "negative": negative,
        "neutral": neutral,
        "newest_age_seconds": float(age),
    }
