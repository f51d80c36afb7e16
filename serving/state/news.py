"""The newest news signal of every topic, and its answer as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pipelines.contracts.news import NEWS_SIGNALS
from pipelines.core.maps import read_rows
from pipelines.lake import View
from pipelines.sentiment.windows import EVERY
from serving.state.answers import EncodedAnswer, Row, encode_timed, mark_made_up_news

LATELY = timedelta(days=10)  # a topic without a window since then is not followed any more
# From a window's end until its row: a run every quarter of an hour fetches, scores and writes.
USUAL_DELAY = timedelta(minutes=10)
COLUMNS = ", ".join(name for name in NEWS_SIGNALS.column_names if name != "batch")


@dataclass(frozen=True)
class NewestNews:
    """A topic's newest signal, and the answer encoded from it."""

    row: Row
    answer: EncodedAnswer


def load_news(view: View, source: str, marks: Row, grace: timedelta) -> Mapping[str, NewestNews]:
    """Read the newest signal of every topic; of a window that was restated the newest version."""
    newest = view.one("SELECT max(window_end) FROM gold.news_signals WHERE source = ?", [source])
    if newest is None:
        return {}
    rows = view.sql(
        f"""SELECT {COLUMNS} FROM gold.news_signals WHERE source = ? AND window_end > ?
            QUALIFY row_number() OVER (PARTITION BY topic ORDER BY window_end DESC, known_at DESC)
                = 1
            ORDER BY topic""",
        [source, newest - LATELY],
    )
    mark_made_up_news(marks, [source])
    return {row["topic"]: _encode(row, marks, grace) for row in read_rows(rows)}


def _encode(row: Row, marks: Row, grace: timedelta) -> NewestNews:
    stale_at = row["window_end"] + EVERY + USUAL_DELAY + grace
    answer = marks | row | {"stale_at": stale_at, "notices": [*marks["notices"]]}
    tag = f"news-{row['window_end'].timestamp():.0f}-{row['computed_at'].timestamp():.0f}"
    late = f"stale: the window after {row['window_end']:%Y-%m-%d %H:%M} UTC is not there"
    return NewestNews(row, encode_timed(answer, tag, row["window_end"], late))
