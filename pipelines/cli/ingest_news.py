"""The part of `bullion ingest` that brings news."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pipelines import steps
from pipelines.cli.app import out, progress_bar
from pipelines.core import topics
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.core.intervals import utc
from pipelines.core.settings import settings
from pipelines.sources import source_with, sources_of
from pipelines.steps.lake import open_lake

COMMAND_DATASETS = ("bars", "news")  # by this command; weights have one of their own


def ingest_dataset(
    dataset: str,
    source: str | None,
    topic: str | None,
    start: str | None,
    end: str | None,
    bar_options: Mapping[str, str | None],
    *,
    force: bool,
) -> None:
    """Bring the news of a topic to silver; refuse what is no dataset of this command, in words."""
    if dataset == "weights":
        raise InvalidRequest("weights have a command of their own", "run bullion weights")
    if dataset not in COMMAND_DATASETS:
        error = unknown("dataset", dataset, COMMAND_DATASETS)
        source_names = "; ".join(
            f"{name}: {', '.join(sources_of(name))}" for name in COMMAND_DATASETS
        )
        raise InvalidRequest(error.message, f"{error.hint}; sources of {source_names}")
    for option, value in bar_options.items():
        if value is not None:
            raise InvalidRequest(f"news have no {option}", "leave it out, and name a --topic")
    news_source = source_with(settings().source if source is None else source, "news")
    if not topic:
        raise InvalidRequest(
            "no topic was named", f"add --topic, one of: {', '.join(topics.topic_names())}"
        )
    until = utc(end) if end is not None else datetime.now(UTC)
    run = f"cli:{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    with open_lake() as lake, progress_bar() as progress:
        report = steps.ingest_news(
            lake,
            news_source,
            topic,
            utc(start) if start is not None else None,
            until,
            run=run,
            force=force,
            progress=progress,
        )
    out.print(report.summary(), highlight=False, soft_wrap=True)
    report.enforce()
