"""The only door to the lake: DuckLake, DuckDB and Parquet."""

from pipelines.lake.door import Lake
from pipelines.lake.transaction import View, Writer

__all__ = ["Lake", "View", "Writer"]
