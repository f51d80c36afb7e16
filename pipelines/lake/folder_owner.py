"""The owner of a data folder: a mark in it names the one catalog that writes there.

Two catalogs over one folder would each take the other's files for leftovers, and remove them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from pipelines.core.errors import LakeError
from pipelines.core.settings import redacted
from pipelines.core.sql import text_literal
from pipelines.lake.catalog import CATALOG
from pipelines.lake.data_files import known_files, stored_files
from pipelines.lake.file_store import FileStore
from pipelines.lake.transaction import Writer

MARK = "bullion-lake.json"
KEY = "bullion_lake"  # of the lake's id in DuckLake's own metadata, which no snapshot expires
FEW_UNKNOWN = 10  # so many unknown files are taken for leftovers
SMALL_SHARE = 0.2  # ... and so is this share of all files


@dataclass(frozen=True)
class Mark:
    """The id of a lake, and since when no other catalog could write to its folder."""

    lake: str
    since: datetime


def read_mark(store: FileStore) -> Mark | None:
    """Return the mark of a data folder; None where there is none, or half of one."""
    try:
        fields = json.loads(store.read(MARK))
        return Mark(str(fields["lake"]), datetime.fromisoformat(fields["since"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write_mark(store: FileStore, mark: Mark) -> None:
    """Write the mark into the data folder."""
    fields = {
        "lake": mark.lake,
        "since": mark.since.isoformat(),
        "about": "These files belong to the Bullion lake of this id. Leave this file here.",
    }
    store.write(MARK, json.dumps(fields, indent=2).encode())


def claim_folder(
    writer: Writer, store: FileStore, mark: Mark | None, catalog: str, force: bool
) -> Mark:
    """Return the mark the folder is to have, its id written to the catalog; LakeError if refused.

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
            f"VALUES ({text_literal(KEY)}, {text_literal(lake_id)})"
        )
        if mark and not force:
            return mark
    return Mark(lake_id, datetime.now(UTC))


def _refuse_another(
    writer: Writer, store: FileStore, mark: Mark | None, lake_id: str | None, catalog: str
) -> None:
    """Raise LakeError where the folder's files are not those of this catalog."""
    hint = (
        "set BULLION_LAKE_DATA to this catalog's own folder, or BULLION_LAKE_CATALOG to the "
        "catalog of these files, restored from a copy if it is lost; `bullion adopt` gives the "
        "folder to this catalog all the same"
    )
    if mark and lake_id:
        raise LakeError(f"the files in {store.root} belong to another lake than {catalog}", hint)
    known, stored = known_files(writer).keys(), stored_files(store, writer.tables).keys()
    if known and not known & stored:
        raise LakeError(f"none of the files that {catalog} names lie in {store.root}", hint)
    unknown = stored - known
    if len(unknown) == len(stored) > 0 or len(unknown) > max(
        FEW_UNKNOWN, SMALL_SHARE * len(stored)
    ):
        raise LakeError(
            f"{store.root} holds {len(unknown)} files of a lake that {catalog} does not know", hint
        )
    if mark and not known:
        raise LakeError(f"the files in {store.root} belong to another lake than {catalog}", hint)
