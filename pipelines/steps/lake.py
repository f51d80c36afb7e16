"""Open the lake of this installation, with the feature table of each forecast."""

from __future__ import annotations

from pipelines.core.settings import Settings
from pipelines.forecasts.tables import FEATURE_TABLES
from pipelines.lake import Lake


def open_lake(
    config: Settings | None = None,
    *,
    read_only: bool = False,
    create: bool = True,
    adopt: bool = False,
) -> Lake:
    """Open the lake with every table that is declared; the options are those of `Lake`."""
    return Lake(
        config,
        read_only=read_only,
        create=create,
        adopt=adopt,
        feature_tables=FEATURE_TABLES,
    )
