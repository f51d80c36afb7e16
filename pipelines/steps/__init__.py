"""The steps that DAGs and the command line run: read, judge by pure functions, check, write."""

from pipelines.core.progress import Progress
from pipelines.steps.data.extra_bars import ingest_extra_bars
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.ingest import (
    DEFAULT_SPAN,
    IngestReport,
    ingest,
    listed_symbols,
)
from pipelines.steps.data.news import DEFAULT_NEWS_SPAN, NewsReport, ingest_news
from pipelines.steps.data.news_signals import refresh_news_signals
from pipelines.steps.data.sentiment import score_stories
from pipelines.steps.data.weights import ingest_weights
from pipelines.steps.models.snapshot_retention import release_snapshots

__all__ = [
    "DEFAULT_NEWS_SPAN",
    "DEFAULT_SPAN",
    "IngestReport",
    "NewsReport",
    "Progress",
    "ingest",
    "ingest_extra_bars",
    "ingest_news",
    "ingest_weights",
    "listed_symbols",
    "refresh_features",
    "refresh_news_signals",
    "release_snapshots",
    "score_stories",
]
