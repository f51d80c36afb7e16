"""The steps that DAGs and the command line run: read, judge by pure functions, check, write."""

from pipelines.steps.features import refresh_features
from pipelines.steps.ingest import IngestReport, Progress, ingest, ingest_weights
from pipelines.steps.kept import release_snapshots

__all__ = [
    "IngestReport",
    "Progress",
    "ingest",
    "ingest_weights",
    "refresh_features",
    "release_snapshots",
]
