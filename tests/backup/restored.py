"""A backup restored to a folder of its own, and what is in each table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pipelines.backup.objects import Objects
from pipelines.backup.places import ModelStore
from pipelines.backup.restore import restore_backup
from pipelines.lake import Lake, View
from pipelines.steps.lake import open_lake
from tests.empty_lake import at as settings_at


@contextmanager
def restore_into(
    objects: Objects, folder: Path, at: datetime | None = None, models: ModelStore | None = None
) -> Iterator[Lake]:
    """Yield the lake of a backup, restored to a folder."""
    restore_backup(objects, at, models, config=settings_at(folder))
    with open_lake(settings_at(folder)) as lake:
        yield lake


def rows_of_all_tables(lake: Lake | View, schemas: str = "bronze silver gold") -> dict[str, str]:
    """Return a text of all rows of each table that has any, in an order of their own."""
    names = lake.rows(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables "
        "WHERE table_catalog = 'lake' AND list_contains(?, table_schema) ORDER BY ALL",
        [schemas.split()],
    )
    texts = {name: str(sorted(lake.rows(f"FROM {name}"), key=repr)) for (name,) in names}
    return {name: text for name, text in texts.items() if text != "[]"}
