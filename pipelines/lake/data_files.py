"""Which data files there are: those in the store, and those that the catalog names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from pipelines.contracts.tables import Table
from pipelines.lake.catalog import CATALOG, FILES
from pipelines.lake.file_store import FileStore
from pipelines.lake.transaction import View

# How DuckLake names its files: by a UUID of version 7, which begins with the time.
_FILE = re.compile(r"ducklake-([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f-]+(-delete)?\.\w+")


def time_in_name(path: str) -> datetime | None:
    """Return when a file was written, by its name; None for a name that DuckLake does not give."""
    name = _FILE.fullmatch(path.rpartition("/")[2])
    return datetime.fromtimestamp(int(name[1] + name[2], 16) / 1000, UTC) if name else None


def stored_files(store: FileStore, tables: Iterable[Table]) -> dict[str, datetime]:
    """Return the files that DuckLake, of whichever catalog, wrote to the tables' folders; and when.

    `tables` are those of the lake.
    """
    times = {
        path: time_in_name(path)
        for table in tables
        for path in store.listing(f"{table.schema}/{table.name}")
    }
    return {path: written_at for path, written_at in times.items() if written_at}


def known_files(view: View) -> dict[str, int]:
    """Return the files that the catalog names, those to be removed included, with their sizes."""
    sizes = dict.fromkeys(scheduled_files(view), 0)
    return sizes | dict(view.rows(f"SELECT path, size FROM ({FILES})"))


def scheduled_files(view: View, before: datetime | None = None) -> list[str]:
    """Return the files to remove, as no snapshot names them; those scheduled before a time.

    DuckLake's own look at that time compares texts, and an SQLite catalog writes it otherwise.
    """
    rows = view.rows(
        f"""SELECT path FROM {CATALOG}.ducklake_files_scheduled_for_deletion
            WHERE path_is_relative
              AND schedule_start::TIMESTAMPTZ < coalesce(?, TIMESTAMPTZ 'infinity')""",
        [before],
    )
    return [path for (path,) in rows]
