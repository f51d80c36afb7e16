"""The owner of a data folder: a mark in it names the one catalog that writes there.

Two catalogs over one folder would each take the other's files for leftovers, and remove them. A
copy of a catalog has the same id, so the mark also names the newest snapshot: a catalog without it
is an old one, or a copy beside one that went on. Of a copy to which nothing happened since, only
its place says that it is one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from pipelines.core.errors import LakeError
from pipelines.core.settings import redacted
from pipelines.core.sql import text_literal
from pipelines.lake.catalog import CATALOG, connect_sqlite, query_catalog
from pipelines.lake.data_files import known_files, stored_files
from pipelines.lake.file_store import FileStore
from pipelines.lake.transaction import Writer

MARK = "bullion-lake.json"
KEY = "bullion_lake"  # of the lake's id in DuckLake's own metadata, which no snapshot expires
FEW_UNKNOWN = 10  # so many unknown files do not put a lake in doubt that has no mark yet
SMALL_SHARE = 0.2  # ... and neither does this share of all files
DATABASE = "oid || ' ' || datname"  # a copy has another number, a restored cluster other names
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ANOTHER_HINT = (
    "set BULLION_LAKE_DATA to this catalog's own folder, or BULLION_LAKE_CATALOG to the "
    "catalog of these files, restored from a copy if it is lost; `bullion adopt` gives the "
    "folder to this catalog all the same"
)
COPY_HINT = (
    "put the newest catalog of these files back; if this one was restored on purpose, `bullion "
    "adopt` gives the folder to it; to try something with a copy, copy the files too and set "
    "BULLION_LAKE_DATA to their folder"
)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a catalog. Two that went different ways have other times at one number."""

    number: int
    committed_at: datetime


@dataclass(frozen=True)
class CatalogPlace:
    """Where a catalog is: the file of SQLite, or the database of PostgreSQL, number and name."""

    kind: str
    name: str


@dataclass(frozen=True)
class Mark:
    """The lake that owns a data folder, and how far its catalog was at the last commit.

    The mark may be some commits behind its catalog, whose writer was killed before it wrote it.
    """

    lake: str
    since: datetime  # when it became the only lake that could write to the folder
    newest: Snapshot | None = None  # None, and no places, in a mark of an older release
    catalog: CatalogPlace | None = None
    folder: str = ""  # as the catalog's writer names it: the mark may have been copied with it


def read_mark(store: FileStore) -> Mark | None:
    """Return the mark of a data folder; None where there is none, or half of one."""
    try:
        fields = json.loads(store.read(MARK))
        mark = Mark(str(fields["lake"]), datetime.fromisoformat(fields["since"]))
        if "snapshot" not in fields:
            return mark
        return replace(
            mark,
            newest=Snapshot(
                int(fields["snapshot"]), datetime.fromisoformat(fields["snapshot_time"])
            ),
            catalog=CatalogPlace(*(str(part) for part in fields["catalog"])),
            folder=str(fields["folder"]),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write_mark(store: FileStore, mark: Mark) -> None:
    """Write the mark into the data folder."""
    fields: dict[str, Any] = {"lake": mark.lake, "since": mark.since.isoformat()}
    if mark.newest and mark.catalog:
        fields |= {
            "snapshot": mark.newest.number,
            "snapshot_time": mark.newest.committed_at.isoformat(),
            "catalog": [mark.catalog.kind, mark.catalog.name],
            "folder": mark.folder,
        }
    fields["about"] = "These files belong to the Bullion lake of this id. Leave this file here."
    store.write(MARK, json.dumps(fields, indent=2).encode())


def find_place(connection: duckdb.DuckDBPyConnection, kind: str, target: str) -> CatalogPlace:
    """Return where the catalog of a connection is."""
    if kind == "sqlite":
        return CatalogPlace(kind, str(Path(target).resolve()))
    query = f"SELECT {DATABASE} FROM pg_database WHERE datname = current_database()"
    return CatalogPlace(kind, str(query_catalog(connection, kind, query)[0][0]))


def read_snapshot(connection: duckdb.DuckDBPyConnection, kind: str, number: int) -> Snapshot | None:
    """Return a snapshot of the catalog; None if it has expired, or never was."""
    rows = query_catalog(
        connection,
        kind,
        f"SELECT snapshot_time FROM ducklake_snapshot WHERE snapshot_id = {number}",
        "epoch_us(snapshot_time::TIMESTAMPTZ)",
    )
    return Snapshot(number, EPOCH + timedelta(microseconds=rows[0][0])) if rows else None


def refuse_copy(
    writer: Writer, store: FileStore, mark: Mark, place: CatalogPlace, catalog: str
) -> None:
    """Raise LakeError where the catalog is an old one, or a copy of the folder's catalog."""
    lake_id = _read_id(writer, place.kind)
    if lake_id not in (None, mark.lake):
        raise _another_lake(store, catalog)
    newest = mark.newest
    if newest is None:
        return
    snapshot = read_snapshot(writer.connection, place.kind, newest.number)
    # One that has expired left later ones, which this lake wrote after it.
    if writer.snapshot < newest.number or snapshot not in (None, newest):
        raise LakeError(
            f"{catalog} lacks snapshot {newest.number}, by which the files in {store.root} were "
            "last written: it is an old catalog, or a copy of one that went on",
            COPY_HINT,
        )
    if mark.folder == store.root and mark.catalog and mark.catalog != place:
        original = _find_original(writer, mark.catalog, place, mark.lake)
        if original:
            raise LakeError(
                f"{catalog} is a copy of {original}, to which the files in {store.root} belong",
                COPY_HINT,
            )


def _find_original(writer: Writer, marked: CatalogPlace, own: CatalogPlace, lake: str) -> str:
    """Return the catalog at the marked place, if it is there still; '' for one that was moved."""
    if marked.kind == "sqlite":
        path = Path(marked.name)
        if not path.is_file() or (own.kind == "sqlite" and path.samefile(own.name)):
            return ""
        try:
            with connect_sqlite(marked.name) as connection:
                ids = connection.execute(
                    f"SELECT value FROM catalog.ducklake_metadata WHERE key = '{KEY}'"
                ).fetchall()
        except duckdb.Error:  # no catalog of a lake
            return ""
        return marked.name if ids == [(lake,)] else ""
    if own.kind != "postgres":
        return ""
    query = f"SELECT 1 FROM pg_database WHERE {DATABASE} = {text_literal(marked.name)}"
    is_there = query_catalog(writer.connection, own.kind, query)
    return f"the database {marked.name.partition(' ')[2]}" if is_there else ""


def _read_id(writer: Writer, kind: str) -> str | None:
    query = f"SELECT value FROM ducklake_metadata WHERE key = '{KEY}'"
    rows = query_catalog(writer.connection, kind, query)
    return str(rows[0][0]) if rows else None


def _write_id(writer: Writer, lake_id: str) -> None:
    writer.run(f"DELETE FROM {CATALOG}.ducklake_metadata WHERE key = '{KEY}'")
    writer.run(
        f"INSERT INTO {CATALOG}.ducklake_metadata (key, value) "
        f"VALUES ({text_literal(KEY)}, {text_literal(lake_id)})"
    )


def claim_folder(
    writer: Writer,
    store: FileStore,
    mark: Mark | None,
    place: CatalogPlace,
    catalog: str,
    force: bool,
) -> Mark:
    """Return the mark the folder is to have, its id written to the catalog; LakeError if refused.

    A lake that was written before there were marks is known by the files that its catalog names.
    A copy that is given the folder by `force` becomes a lake of its own, so that the catalog it
    was copied from, and every other copy, is refused from then on.
    """
    catalog = redacted(catalog)
    lake_id = _read_id(writer, place.kind)
    if not force:
        if mark is None or mark.lake != lake_id:
            _refuse_another(writer, store, mark, lake_id, catalog)
        if mark:
            refuse_copy(writer, store, mark, place, catalog)
            if lake_id is None:
                # A copy of the catalog from before the mark takes the id that the folder has.
                _write_id(writer, mark.lake)
            return mark
    elif mark and mark.lake == lake_id:
        try:
            refuse_copy(writer, store, mark, place, catalog)
            return mark
        except LakeError:
            lake_id = None
    if lake_id is None:
        lake_id = str(uuid4())
        _write_id(writer, lake_id)
    newest = read_snapshot(writer.connection, place.kind, writer.snapshot)
    return Mark(lake_id, datetime.now(UTC), newest, place, store.root)


def _another_lake(store: FileStore, catalog: str) -> LakeError:
    return LakeError(
        f"the files in {store.root} belong to another lake than {catalog}", ANOTHER_HINT
    )


def _refuse_another(
    writer: Writer, store: FileStore, mark: Mark | None, lake_id: str | None, catalog: str
) -> None:
    """Raise LakeError where the folder's files are not those of this catalog."""
    if mark and lake_id:
        raise _another_lake(store, catalog)
    known, stored = known_files(writer).keys(), stored_files(store, writer.tables).keys()
    if known and not known & stored:
        raise LakeError(f"none of the files that {catalog} names lie in {store.root}", ANOTHER_HINT)
    unknown = stored - known
    if len(unknown) == len(stored) > 0 or len(unknown) > max(
        FEW_UNKNOWN, SMALL_SHARE * len(stored)
    ):
        raise LakeError(
            f"{store.root} holds {len(unknown)} files of a lake that {catalog} does not know",
            ANOTHER_HINT,
        )
    if mark and not known:
        raise _another_lake(store, catalog)
