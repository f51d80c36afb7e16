"""News: the stories that became known last, and the signals of a topic."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field

from pipelines.contracts.columns import TOPIC
from pipelines.contracts.news import NEWS_SENTIMENT, NEWS_SIGNALS, SILVER_NEWS
from pipelines.core.errors import unknown
from pipelines.core.topics import topic as topic_named
from pipelines.core.topics import topic_names
from pipelines.lake import View
from pipelines.sources import news_source
from serving.http.dependencies import (
    PATTERN,
    CurrentCache,
    NewestView,
    conditional_response,
    json_response,
)
from serving.http.formats import preferred_format
from serving.http.keys import read_access
from serving.http.page_response import FORMS, page_response
from serving.http.paging import HistoryTable, read_page
from serving.routes.history import RangeFilters
from serving.routes.signals import POLLED
from serving.schemas.errors import NotYet, refuse
from serving.schemas.news import (
    NewestNewsSignal,
    NewsSignal,
    NewsSignals,
    RecentStories,
    Story,
    Topics,
)
from serving.schemas.strict import DateTime
from serving.state.answers import Row, mark_made_up_news
from serving.state.cache import SignalCache

router = APIRouter(prefix="/news", tags=["news"], dependencies=[read_access])

SENTIMENT = tuple(name for name in Story.model_fields if name not in SILVER_NEWS.column_names)
STORIES = HistoryTable(
    "silver.news",
    tuple(name for name in Story.model_fields if name not in SENTIMENT),
    ("known_at", "story"),
    "duplicate_of IS NULL",
    has_bars=False,
    lists=("topics", "symbols"),
)
SIGNALS = HistoryTable(
    "gold.news_signals", tuple(NewsSignal.model_fields), ("window_end", "known_at"), has_bars=False
)
FOREIGN = ("title", "summary", "outlet", "url", "language", "corrected_title")
assert set(SENTIMENT) <= set(NEWS_SENTIMENT.column_names)
assert set(NewsSignal.model_fields) <= set(NEWS_SIGNALS.column_names)


def _known_topic(name: str) -> str:
    if name not in topic_names():
        raise refuse(unknown("topic", name, topic_names()))
    return name


Topic = Annotated[str, AfterValidator(_known_topic), Field(max_length=64)]


class StoryFilters(RangeFilters):
    """Query parameters of the stories."""

    topic: Topic | None = Field(None, description="only stories of this topic", examples=["sp500"])
    symbol: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=PATTERN,
        description="only stories that speak of this symbol",
    )
    since: DateTime | None = Field(
        None, description="the same as `start`: only stories that became known from then on"
    )


class SignalFilters(RangeFilters):
    """Query parameters of the signals of a topic."""

    topic: Topic = Field(description=TOPIC.meaning, examples=["sp500"])


@router.get("/topics", response_model=Topics)
async def topics(state: CurrentCache) -> Response:
    """List the topics of news, and how far each has come."""
    rows = [
        {
            "topic": name,
            "meaning": topic_named(name).meaning,
            "newest": state.news[name].row["window_end"] if name in state.news else None,
        }
        for name in topic_names()
    ]
    source = news_source(state.source)
    marks = state.marks
    mark_made_up_news(marks, [source])
    return json_response(marks | {"news_source": source or None, "topics": rows})


@router.get("/recent", response_model=RecentStories, responses=FORMS)
def recent(
    request: Request,
    state: CurrentCache,
    view: NewestView,
    filters: Annotated[StoryFilters, Query()],
) -> Response:
    """List stories, those that became known last first, each with its sentiment.

    A story that repeats another is counted there, and left out here.
    """
    filters.start = filters.since or filters.start
    values = {"topics": filters.topic, "symbols": filters.symbol}
    return _page(request, state, view, STORIES, filters, values)


@router.get("/signals", response_model=NewsSignals, responses=FORMS)
def signals(
    request: Request,
    state: CurrentCache,
    view: NewestView,
    filters: Annotated[SignalFilters, Query()],
) -> Response:
    """List the signals of a topic's news, the newest window first.

    What was published stays. Where late stories say otherwise, a second row of the same window
    stands above it, with a later `known_at`.
    """
    return _page(request, state, view, SIGNALS, filters, {"topic": filters.topic})


@router.get("/signals/newest", response_model=NewestNewsSignal, responses=POLLED)
async def newest(
    request: Request,
    state: CurrentCache,
    topic: Annotated[Topic, Query(description=TOPIC.meaning, examples=["sp500"])],
) -> Response:
    """Return the newest signal of a topic's news. Poll it with `If-None-Match`."""
    if topic not in state.news:
        raise no_news(state, topic)
    return conditional_response(request, state.news[topic].answer)


def no_news(state: SignalCache, topic: str) -> NotYet:
    """Return the error that a topic has no signal so far, with what is missing."""
    source = news_source(state.source)
    if not source:
        return NotYet(
            f"{state.source} has no news, and no source of news is declared beside it",
            "GET /forecasts lists what there is",
            300,
        )
    return NotYet(
        f"there is no signal of {topic} from {source} yet",
        f"unpause the DAG ingest_news_{topic}, or run `bullion news`; GET /health tells more",
        30,
    )


def _page(
    request: Request,
    state: SignalCache,
    view: View,
    table: HistoryTable,
    filters: RangeFilters,
    values: Row,
) -> Response:
    """Return a page of rows of the source that has the news of the API's bars."""
    preferred_format(request.headers.get("accept"))  # before the lake is read for nobody
    source = news_source(state.source)
    values = {"source": source} | values
    rows, next_cursor = read_page(view, table, values, filters, request.app.state.settings)
    if table is STORIES:
        rows = _add_sentiment(view, source, rows)
    marks = state.marks | {"snapshot": view.snapshot}
    mark_made_up_news(marks, [source])
    foreign = FOREIGN if table is STORIES else ()
    return page_response(request, rows, marks, next_cursor, foreign)


def _add_sentiment(view: View, source: str, rows: pa.Table) -> pa.Table:
    """Add what the model that spoke last says of each story; null where none has spoken."""
    names = ", ".join(SENTIMENT)
    known_at = rows["known_at"].to_pylist()
    span = (min(known_at), max(known_at)) if known_at else (None, None)
    sentiment_rows = view.sql(
        f"""SELECT story, {names} FROM gold.news_sentiment
            WHERE source = ? AND known_at BETWEEN ? AND ? AND story IN (SELECT unnest(?))
            QUALIFY row_number() OVER (PARTITION BY story ORDER BY batch DESC) = 1""",
        [source, *span, rows["story"].to_pylist()],
    )
    by_story = {row["story"]: row for row in sentiment_rows.to_pylist()}
    nothing = dict.fromkeys(SENTIMENT)
    sentiments = [by_story.get(story, nothing) for story in rows["story"].to_pylist()]
    for name in SENTIMENT:
        column = pa.array([row[name] for row in sentiments], sentiment_rows.schema.field(name).type)
        rows = rows.append_column(name, column)
    return rows
