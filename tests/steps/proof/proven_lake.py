"""A lake in which everything came from raw answers of the sample: built once, copied by tests.

The hourly forecast of the index has a backfill and two live bars; of the newest one member came
after its signal was published. The forecast of the future reads minutes and news.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from pipelines.core.calendar import utc
from pipelines.core.intervals import interval_of
from pipelines.core.settings import Settings
from pipelines.core.universes import universe
from pipelines.forecasts import Forecast, forecast
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.sentiment.choice import chosen_model
from pipelines.sources.sample import Sample
from pipelines.steps import (
    ingest,
    ingest_news,
    ingest_weights,
    refresh_news_signals,
    score_stories,
)
from pipelines.steps.lake import open_lake
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from tests import models
from tests.build_once import build_once
from tests.empty_lake import at, create_lake

HOURLY, MINUTES = forecast("nasdaq100_hourly"), forecast("sp500_intraday")
MEMBERS = universe("qqq").symbols
LATE_MEMBER = MEMBERS[-1]
BEGIN, BACKFILLED = utc("2026-10-19"), utc("2026-11-12")
NIGHT = utc("2026-11-19T21:00+00:00")  # what had closed by then was backfilled
LIVE = [utc("2026-11-20T15:30+00:00"), utc("2026-11-20T16:30+00:00")]  # closes
NEWS_BEGIN, NEWS_END = utc("2026-11-18"), utc("2026-11-20T16:00+00:00")
LATE = timedelta(seconds=20)


def _promote(lake: Lake, registry: Registry, declared: Forecast) -> None:
    for target in declared.per_target():
        model = models.store_verified(registry, target, models.body(target))
        models.decide(lake, target, "sample", model, utc("2026-01-01"))


def _build(folder: Path) -> None:
    registry, sample, hour = Registry(folder=folder), Sample(), interval_of("1h")
    with create_lake(at(folder)) as lake:
        ingest(lake, sample, (*MEMBERS, "QQQ"), hour, BEGIN, NIGHT, as_of=NIGHT)
        ingest_weights(lake, sample, "qqq", as_of=NIGHT)
        _promote(lake, registry, HOURLY)
        score(lake, registry, HOURLY, "sample", start=BACKFILLED, end=NIGHT)
        for close in LIVE:
            on_time = [m for m in MEMBERS if m != LATE_MEMBER]
            for place, names in enumerate((on_time, [LATE_MEMBER])):
                ingest(lake, sample, names, hour, NIGHT, close, as_of=close)
                now = close + (1 + place) * LATE
                score(lake, registry, HOURLY, "sample", start=close - LATE, end=close, now=now)
        refresh_outcomes(lake, registry, HOURLY, "sample")
        minute = interval_of("1m")
        ingest(lake, sample, ("ES",), minute, NEWS_BEGIN, NEWS_END, as_of=NEWS_END)
        ingest_news(lake, sample, "sp500", NEWS_BEGIN, NEWS_END, as_of=NEWS_END)
        choice = chosen_model()
        score_stories(lake, "sample", choice=choice)
        refresh_news_signals(lake, "sample", "sp500", NEWS_BEGIN, NEWS_END, model=choice.model)
        _promote(lake, registry, MINUTES)
        start = NEWS_END - timedelta(minutes=40)
        score(lake, registry, MINUTES, "sample", start=start, end=NEWS_END)


def proven_folder() -> Path:
    """The folder of the lake and its models; no test may write to it."""
    return build_once("proven_lake", _build)


@contextmanager
def copied_lake(folder: Path) -> Iterator[tuple[Lake, Registry]]:
    """A copy of the lake that a test may change, with its models."""
    shutil.copytree(proven_folder(), folder, dirs_exist_ok=True)
    with open_lake(at(folder), adopt=True) as lake:
        yield lake, Registry(folder=folder)


def settings_of(folder: Path) -> Settings:
    return at(folder)
