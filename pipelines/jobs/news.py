"""Bring news to silver, score them, and compute the signals of a topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines import steps
from pipelines.core.errors import InvalidRequest, NothingToDo, SourceError
from pipelines.forecasts import forecast
from pipelines.jobs.run import RunRequest, log, log_progress
from pipelines.lake import Lake
from pipelines.sentiment.choice import chosen_model
from pipelines.sources import is_sample, news_source, source_with
from pipelines.sources.news import NewsSource
from pipelines.steps.lake import open_lake

LONGEST_FILL = timedelta(days=1)  # before a run, that it brings too where it was missed
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class NewsRun:
    """What a run must do for a topic: the stories that became known in [start, end)."""

    topic: str
    start: datetime
    end: datetime
    run: str
    fill: bool = True  # bring what was missed before it, too
    force: bool = False


def bring_news(name: str, run: NewsRun) -> dict[str, Any]:
    """Bring a run's stories from one source to silver, and what was missed before it.

    A source whose calls are few is asked in few of the runs, each time for all since the last.
    """
    source = source_with(name, "news")
    if run.end > datetime.now(UTC):
        raise InvalidRequest(
            f"the run ends at {run.end:%Y-%m-%d %H:%M} UTC, which is not over yet",
            "ask for a range that is over, or set the clock if it was moved back",
        )
    start = _due_since(source, run)
    with open_lake() as lake:
        if run.fill:
            start = min(start, _missed_since(lake, name, run, start))
        report = steps.ingest_news(
            lake,
            source,
            run.topic,
            start,
            run.end,
            as_of=run.end,
            run=run.run,
            force=run.force,
            progress=log_progress,
        )
    log.info(report.summary())
    report.enforce()
    return report.counts | {"snapshot": report.snapshot}


def _due_since(source: NewsSource, run: NewsRun) -> datetime:
    """Return from when on the source is asked in this run. Raises NothingToDo between its turns."""
    every = source.news_every
    if run.end - run.start >= every:
        return run.start
    if (run.end - EPOCH) % every:
        next_turn = run.end + (every - (run.end - EPOCH) % every)
        raise NothingToDo(
            f"{source.name} is asked every {every}, as its calls are few: next at "
            f"{next_turn:%H:%M} UTC"
        )
    return run.end - every


def _missed_since(lake: Lake, source: str, run: NewsRun, start: datetime) -> datetime:
    """Return since when no run has brought this topic's stories; `start` where none ever did."""
    last_end = lake.rows(
        """SELECT max(interval_end) FROM gold.runs
           WHERE step = 'ingest_news' AND source = ? AND about = ? AND status <> 'failed'
           AND interval_end <= ?""",
        [source, run.topic, start],
    )[0][0]
    if last_end is None:
        return start
    since: datetime = last_end.astimezone(UTC)
    return max(since, start - LONGEST_FILL)


def news_signals(sources: Sequence[str], run: NewsRun) -> dict[str, Any]:
    """Score the stories that no model has scored yet, and compute the windows of the run."""
    counts: dict[str, Any] = {}
    choice = chosen_model()
    with open_lake() as lake:
        for source in sources:
            scoring_report = steps.score_stories(lake, source, choice=choice, progress=log_progress)
            log.info(scoring_report.summary())
            report = steps.refresh_news_signals(
                lake,
                source,
                run.topic,
                run.start,
                run.end,
                model=choice.model,
                asked_model=choice.asked_model,
                run=run.run,
            )
            log.info(report.summary())
            counts[source] = scoring_report.counts | report.counts
    return counts


def bring_training_news(name: str, request: RunRequest) -> dict[str, Any]:
    """Bring the stories that a training reads and that are still missing.

    Of a made-up wire that is the whole history; of a real one what was missed since the last run,
    and a day at the most: `ingest_news` brings more by a backfill. A source that is down, or that
    nobody set up, stops nothing, and the features say what is missing.
    """
    counts: dict[str, Any] = {}
    source = _news_source(name, request)
    for topic in forecast(name).topics:
        with open_lake(read_only=True) as lake:
            start = _missing_since(lake, name, source, topic, request)
        if start >= request.at:
            counts[topic] = "nothing is missing"
            continue
        run = NewsRun(topic, start, request.at, request.run, fill=False, force=request.force)
        try:
            counts[topic] = bring_news(source, run)
        except (SourceError, InvalidRequest) as error:  # it is down, or nobody set it up
            counts[topic] = f"none: {error.message}"
            log.warning("news of %s: %s", topic, error)
    return counts


def training_news_signals(name: str, request: RunRequest) -> dict[str, Any]:
    """Score the new titles, and write the windows that ended."""
    source = _news_source(name, request)
    start = _first(name, source, request)
    return {
        topic: news_signals([source], NewsRun(topic, start, request.at, request.run))
        for topic in forecast(name).topics
    }


def _news_source(name: str, request: RunRequest) -> str:
    """Return whose news are joined with the bars. Raises NothingToDo where none are."""
    source = news_source(request.source)
    if not source:
        raise NothingToDo(f"{request.source} has no news: the features of {name} go without")
    return source


def _first(name: str, source: str, request: RunRequest) -> datetime:
    """Return from when on stories are read: a range that was named has no others."""
    if request.start is not None and not request.fill:
        return request.start
    if is_sample(source):
        return request.at - forecast(name).schedule.history_of(is_sample=True)
    return request.at - LONGEST_FILL


def _missing_since(lake: Lake, name: str, source: str, topic: str, request: RunRequest) -> datetime:
    """Return from when on stories are missing: since the last run, where runs reach so far back."""
    first = _first(name, source, request)
    [(earliest, latest)] = lake.rows(
        """SELECT min(interval_start), max(interval_end) FROM gold.runs
           WHERE step = 'ingest_news' AND source = ? AND about = ? AND status <> 'failed'
             AND interval_start <= ?""",
        [source, topic, request.at],
    )
    is_covered = earliest is not None and earliest <= first
    return max(first, latest.astimezone(UTC)) if is_covered else first
