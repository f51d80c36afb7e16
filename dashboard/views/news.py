"""The page of news: the newest stories with their sentiment, and a topic's signal over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from dashboard import palette
from dashboard.clock import age_of
from dashboard.components import (
    draw_chart,
    draw_facts,
    draw_notices,
    draw_table,
    has_data,
    say_nothing_yet,
    segments,
    select,
)
from dashboard.context import Context
from dashboard.figures.news import draw_strength
from dashboard.words import number, plain, visible, web_address

TITLE, ICON = "News", ":material/newspaper:"
SPANS = {"1 day": 1, "3 days": 3, "10 days": 10, "30 days": 30}
STORIES = 100
WINDOW = timedelta(hours=1)
COLUMNS = {
    "sentiment": st.column_config.NumberColumn("Sentiment", format="%+.2f", width="small"),
    "mark": st.column_config.Column("", width=30),
    "title": st.column_config.TextColumn("Story", width="large"),
    "outlet": "Outlet",
    "url": st.column_config.LinkColumn("Link", display_text="open", width="small"),
    "sentiment_model": "Model",
}
Row = Mapping[str, Any]


def draw(page: Context) -> None:
    """Draw the news of a topic."""
    st.title(TITLE, anchor=False)
    answer = page.reader.get("/news/topics")
    if not has_data(page, answer):
        return
    topics = {row["topic"]: row for row in answer.data["topics"]}
    if not answer.data["news_source"]:
        say_nothing_yet(
            f"The source {answer.data['data_source']} has no news, and no source of news is "
            "declared beside it.",
            "See the README: bring news in.",
        )
        return
    topic = select("Topic", list(topics), key="topic")
    st.caption(plain(topics[topic]["meaning"]))
    _draw_newest(page, topic)
    _draw_signals(page, topic)
    _draw_stories(page, topic)


def _draw_newest(page: Context, topic: str) -> None:
    answer = page.reader.get("/news/signals/newest", topic=topic)
    if not has_data(page, answer):
        return
    draw_notices(answer)
    signal = answer.data
    mark = palette.mark_of(signal["trading_signal"])
    word = {1: "BUY", 0: "NO SIGNAL", -1: "SELL"}[signal["trading_signal"]]
    facts = {
        "Signal of the news": f"{mark.sign} {word}",
        "Mean sentiment": number(signal["avg_sentiment"], 3, sign=True),
        "Strength": number(signal["signal_strength"], 3),
        "Quality": number(signal["quality_score"], 2),
        "Stories in the hour": str(signal["article_count"]),
        f"Window ended ({page.clock.name})": f"{page.clock.minute(signal['window_end'])}, "
        f"{age_of(signal['window_end'])} ago",
    }
    draw_facts(facts)


def _draw_signals(page: Context, topic: str) -> None:
    st.subheader("The signal over time", anchor=False)
    left, right = st.columns(2)
    with left:
        days = SPANS[segments("Range", list(SPANS), key="days", default="3 days")]
    with right:
        symbol = select("Price of", page.forecast["symbols"], key="symbol")
    # Up to a full hour, so that the address, and with it the answer's ETag, lasts for an hour.
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + WINDOW
    span = {"start": end - timedelta(days=days), "end": end}
    answer = page.reader.get("/news/signals", topic=topic, limit=5000, **span)
    if not has_data(page, answer):
        return
    signals = _newest_versions(answer.rows)
    if not signals:
        say_nothing_yet(
            "There is no signal of this topic in these days.",
            f"Unpause the DAG ingest_news_{topic}, or choose a longer range.",
        )
        return
    bars = page.reader.get(
        "/bars/history", symbol=symbol, interval=page.forecast["interval"],
        source=answer.data["data_source"], candles=1000, **span,
    )  # fmt: skip
    has_data(page, bars)
    draw_chart(
        draw_strength(
            signals, bars.rows[::-1], visible(symbol), (span["start"], span["end"]), page.clock
        ),
        key="strength",
        description=f"Mean sentiment of {topic} over {days} days against the price of {symbol}",
    )


def _newest_versions(rows: Sequence[Row]) -> list[Row]:
    """Return a row a window, the oldest first: of a window that was restated the newest row."""
    versions: dict[str, Row] = {}
    for row in rows:  # the newest version of a window stands first
        versions.setdefault(row["window_end"], row)
    return [versions[end] for end in sorted(versions)]


def _draw_stories(page: Context, topic: str) -> None:
    st.subheader("The newest stories", anchor=False)
    parameters = {"topic": topic, "limit": STORIES}
    answer = page.reader.get("/news/recent", **parameters)
    if not has_data(page, answer):
        return
    if not answer.rows:
        say_nothing_yet("There is no story yet.", f"Unpause the DAG ingest_news_{topic}.")
        return
    rows = [
        row
        | {
            "known_at": page.clock.minute(row["known_at"]),
            "mark": palette.mark_of(round(row["sentiment"], 2)).sign
            if row["sentiment"] is not None
            else "",
            "title": visible(row["title"]),
            "outlet": visible(row["outlet"] or ""),
            "url": web_address(row["url"]),
        }
        for row in answer.rows
    ]
    draw_table(
        page,
        rows,
        {"known_at": f"Known at ({page.clock.name})"} | COLUMNS,
        ("/news/recent", parameters),
        key=f"{topic}_stories",
        height=460,
    )
