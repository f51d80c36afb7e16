"""The only door to the lake: DuckLake, DuckDB and Parquet."""

from pipelines.lake.door import Lake, View, Writer

__all__ = ["Lake", "View", "Writer"]
