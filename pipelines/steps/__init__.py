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
from pipelines.steps.data.weights import ingest_weights
from pipelines.steps.models.snapshot_retention import release_snapshots

__all__ = [
    "DEFAULT_SPAN",
    "IngestReport",
    "Progress",
    "ingest",
    "ingest_extra_bars",
    "ingest_weights",
    "listed_symbols",
    "refresh_features",
    "release_snapshots",
]
