"""The tasks of the DAGs without Airflow: what one scheduled run does, by names and instants.

A job opens the lake and the registry, calls steps, logs how many rows came in, went out and were
rejected, and returns these counts. Every job may be repeated: it changes nothing, or goes on.
"""

from __future__ import annotations

from pipelines.jobs.bars import bring_bars, bring_training_bars, bring_weights
from pipelines.jobs.models import (
    features,
    monitor,
    outcomes,
    promote,
    report,
    score,
    train,
    train_only,
)
from pipelines.jobs.news import (
    NewsRun,
    bring_news,
    bring_training_news,
    news_signals,
    training_news_signals,
)
from pipelines.jobs.run import RunRequest, symbols_of
from pipelines.jobs.upkeep import audit, compact, data_docs, validate_bronze, validate_gold, verify

__all__ = [
    "NewsRun",
    "RunRequest",
    "audit",
    "bring_bars",
    "bring_news",
    "bring_training_bars",
    "bring_training_news",
    "bring_weights",
    "compact",
    "data_docs",
    "features",
    "monitor",
    "news_signals",
    "outcomes",
    "promote",
    "report",
    "score",
    "symbols_of",
    "train",
    "train_only",
    "training_news_signals",
    "validate_bronze",
    "validate_gold",
    "verify",
]
