"""The steps that DAGs and the command line run: read, judge by pure functions, check, write."""

from pipelines.steps.features import refresh_features
from pipelines.steps.ingest import IngestReport, Progress, ingest, ingest_weights

__all__ = ["IngestReport", "Progress", "ingest", "ingest_weights", "refresh_features"]
