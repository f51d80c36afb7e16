"""The SQLite file of a lake's catalog, and the layouts that are recorded in it."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.settings import Settings
from pipelines.lake import Lake


def catalog_file(config: Settings) -> Path:
    return Path(config.lake_catalog.removeprefix("sqlite:"))


def list_layouts(lake: Lake) -> list[tuple[object, ...]]:
    """Return the number and the fingerprint of each recorded layout, in order of time."""
    return lake.rows("SELECT layout, fingerprint FROM meta.layouts ORDER BY applied_at")
