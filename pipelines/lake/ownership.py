"""Whose a data folder is: a mark in it names the one catalog that writes there.

Two catalogs over one folder would each take the other's files for leftovers, and remove them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from pipelines.contracts.tables import TABLES
from pipelines.core.errors import LakeError
from pipelines.core.settings import redacted
from pipelines.lake.attach import CATALOG, FILES
from pipelines.lake.store import Store, text

if TYPE_CHECKING:
    from pipelines.lake import View, Writer

MARK = "bullion-lake.json"
KEY = "bullion_lake"  # of the lake's id in DuckLake's own metadata, which no snapshot expires
HANDFUL = 10  # unknown files are no question while they are no more than these
SHARE = 0.2  # ... nor while they are no more than this part of all files
# How DuckLake names its files: by a UUID of version 7, which begins with the time.
_FILE = re.compile(r"ducklake-([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f-]+\.\w+")


@dataclass(frozen=True)
class Mark:
    """The id of a lake, and since when no other catalog could write to its folder."""

    lake: str
    since: datetime


def read_mark(store: Store) -> Mark | None:
    """The mark of a data folder; None where there is none, or half of one."""
    try:
        written = json.loads(store.read(MARK))
        return Mark(str(written["lake"]), datetime.fromisoformat(written["since"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write_mark(store: Store, mark: Mark) -> None:
    written = {
        "lake": mark.lake,
        "since": mark.since.isoformat(),
        "about": "These files belong to the Bullion lake of this id. Leave this file here.",
    }
    store.write(MARK, json.dumps(written, indent=2).encode())


def time_in_name(path: str) -> datetime | None:
    """When a file was written, by its name; None for a name that DuckLake does not give."""
    name = _FILE.fullmatch(path.rpartition("/")[2])
    return datetime.fromtimestamp(int(name[1] + name[2], 16) / 1000, UTC) if name else None


def stored_files(store: Store) -> dict[str, datetime]:
    """The files that DuckLake wrote to the tables' folders, for whichever catalog; and when."""
    times = {
        path: time_in_name(path)
        for table in TABLES
        for path in store.listing(f"{table.schema}/{table.name}")
    }
    return {path: written_at for path, written_at in times.items() if written_at}


def known_files(view: View) -> dict[str, int]:
    """The files that the catalog names, those yet to be removed included, with their sizes."""
    sizes = dict.fromkeys(scheduled_files(view), 0)
    return sizes | dict(view.rows(f"SELECT path, size FROM ({FILES})"))


def scheduled_files(view: View, before: datetime | None = None) -> list[str]:
    """The files that are to be removed, as no snapshot names them; those scheduled before a time.

    DuckLake's own look at that time compares texts, and an SQLite catalog writes it otherwise.
    """
    found = view.rows(
        f"""SELECT path FROM {CATALOG}.ducklake_files_scheduled_for_deletion
            WHERE path_is_relative
              AND schedule_start::TIMESTAMPTZ < coalesce(?, TIMESTAMPTZ 'infinity')""",
        [before],
    )
    return [path for (path,) in found]


def claim(writer: Writer, store: Store, mark: Mark | None, catalog: str, force: bool) -> Mark:
    """The mark that the folder is to have, its id written to the catalog; LakeError for a refusal.

    A lake that was written before there were marks is known by the files that its catalog names.
    """
    lake_id = writer.one(f"SELECT value FROM {CATALOG}.ducklake_metadata WHERE key = '{KEY}'")
    if mark and mark.lake == lake_id:
        return mark
    if not force:
        _refuse_another(writer, store, mark, lake_id, redacted(catalog))
    if lake_id is None:
        # A copy of the catalog from before the mark takes the id that the folder has by now.
        lake_id = mark.lake if mark and not force else str(uuid4())
        writer.run(
            f"INSERT INTO {CATALOG}.ducklake_metadata (key, value) "
            f"VALUES ({text(KEY)}, {text(lake_id)})"
        )
        if mark and not force:
            return mark
    return Mark(lake_id, datetime.now(UTC))


def _refuse_another(
    writer: Writer, store: Store, mark: Mark | None, lake_id: str | None, catalog: str
) -> None:
    """LakeError where the folder's files are not those of this catalog."""
    hint = (
        "set BULLION_LAKE_DATA to this catalog's own folder, or BULLION_LAKE_CATALOG to the "
        "catalog of these files, restored from a copy if it is lost; `bullion adopt` gives the "
        "folder to this catalog all the same"
    )
    if mark and lake_id:
        raise LakeError(f"the files in {store.root} belong to another lake than {catalog}", hint)
    known, stored = known_files(writer).keys(), stored_files(store).keys()
    if known and not known & stored:
        raise LakeError(f"none of the files that {catalog} names lie in {store.root}", hint)
    unknown = stored - known
    if len(unknown) == len(stored) > 0 or len(unknown) > max(HANDFUL, SHARE * len(stored)):
        raise LakeError(
            f"{store.root} holds {len(unknown)} files of a lake that {catalog} does not know", hint
        )
    if mark and not known:
        raise LakeError(f"the files in {store.root} belong to another lake than {catalog}", hint)
