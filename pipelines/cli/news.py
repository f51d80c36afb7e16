"""The command that computes what the news of a topic say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from pipelines import steps
from pipelines.cli.app import app, out, progress_bar
from pipelines.core.intervals import utc
from pipelines.core.settings import settings
from pipelines.core.topics import topic as topic_named
from pipelines.sentiment.choice import chosen_model
from pipelines.sources import source_with
from pipelines.steps.lake import open_lake

DEFAULT_SPAN = timedelta(days=1)


@app.command()
def news(
    topic: Annotated[str, typer.Option(help="a topic of include/topics, such as sp500")],
    source: Annotated[
        str | None, typer.Option(help="a source of news; default: BULLION_SOURCE")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="windows that end after this, UTC; default a day ago")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="windows that end up to this, UTC; default now")
    ] = None,
) -> None:
    """Score the stories of `bullion ingest --dataset news`, and compute a topic's news signals.

    Windows that stand are computed again only where a story in them is new or has changed; what
    was published live stays, and what it would say now is written beside it.
    """
    name = topic_named(topic).name
    news_source = source_with(settings().source if source is None else source, "news").name
    until = utc(end) if end is not None else datetime.now(UTC)
    since = utc(start) if start is not None else until - DEFAULT_SPAN
    run = f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    choice = chosen_model()
    with open_lake() as lake, progress_bar() as progress:
        scoring_report = steps.score_stories(lake, news_source, choice=choice, progress=progress)
        signals = steps.refresh_news_signals(
            lake,
            news_source,
            name,
            since,
            until,
            model=choice.model,
            asked_model=choice.asked_model,
            run=run,
        )
    out.print(f"{scoring_report.summary()}\n{signals.summary()}", highlight=False, soft_wrap=True)
