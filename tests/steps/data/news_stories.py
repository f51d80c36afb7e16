"""Stories with their sentiment, written to the lake as landing and scoring leave them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE
from pipelines.lake import Lake

SOURCE, TOPIC = "sample", "sp500"
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
GLAD, SAD, FLAT = (0.8, 0.1, 0.1), (0.1, 0.7, 0.2), (0.1, 0.1, 0.8)
Probabilities = tuple[float, float, float]
TIMES = ("published_at", "seen_at", "known_at", "received_at", "corrected_at")


class GivenModel:
    """A sentiment model whose probabilities the tests write themselves."""

    name, version = "given", "1"

    def __init__(self, sha256: str = "a" * 64) -> None:
        self.sha256 = sha256

    def score(self, titles: Sequence[str]) -> np.ndarray:
        return np.tile(FLAT, (len(titles), 1))


MODEL = GivenModel()


def story(name: str, known_at: datetime, **changes: Any) -> dict[str, Any]:
    """Return a row of silver.news, published and seen when it became known."""
    return {
        "source": SOURCE, "story": name, "url": f"https://wire.example/{name}",
        "title": f"Title of {name}", "summary": None, "outlet": f"outlet of {name}",
        "language": "en", "published_at": known_at, "known_at": known_at, "symbols": [],
        "topics": [TOPIC], "duplicate_of": None, "repeats": 0, "corrections": 0,
        "corrected_title": None, "corrected_at": None, "polarity": 0.0, "subjectivity": 0.0,
        "financial_tone": 0.0, "policy_tone": 0.0, "received_at": known_at,
    } | changes  # fmt: skip


def write_stories(
    lake: Lake,
    *rows: dict[str, Any],
    probabilities: Probabilities | Sequence[Probabilities] | None = GLAD,
    model: GivenModel = MODEL,
) -> None:
    """Replace stories in silver, with the versions in bronze, and score them, all or each."""
    names = [row["story"] for row in rows]
    with lake.write("news") as writer:
        where = "source = ? AND story IN (SELECT unnest(?))"
        writer.replace("silver.news", as_table(rows), where, [SOURCE, names])
        versions = [row | {"seen_at": row["known_at"], "row": 1} for row in rows]
        writer.append("bronze.news", as_table(versions))
        if probabilities is not None:
            scored = [
                {"source": SOURCE, "story": row["story"], "known_at": row["known_at"]}
                | {"sentiment_model": model.name, "sentiment_sha256": model.sha256}
                | {"asked_model": model.name, "sentiment": positive - negative}
                | {"positive": positive, "negative": negative, "neutral": neutral}
                for row, (positive, negative, neutral) in zip(
                    rows, np.broadcast_to(probabilities, (len(rows), 3)).tolist(), strict=True
                )
            ]
            writer.replace("gold.news_sentiment", as_table(scored), where, [SOURCE, names])


def as_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Build an Arrow table; columns without a value have the type of their contract."""
    texts = {"summary", "outlet", "duplicate_of", "corrected_title"}
    columns: dict[str, pa.Array] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in TIMES:
            columns[name] = pa.array(values, UTC_TYPE)
        elif name in ("symbols", "topics"):
            columns[name] = pa.array(values, pa.list_(pa.string()))
        else:
            columns[name] = pa.array(values, pa.string() if name in texts else None)
    return pa.table(columns)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
