"""Verify a lake: compare every file, and every row in the catalog, with its checksum."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.lake.catalog import CATALOG, FILES
from pipelines.lake.data_files import scheduled_files, stored_files
from pipelines.lake.door import Lake
from pipelines.lake.errors import translated
from pipelines.lake.file_guard import check_file
from pipelines.lake.inlined_checksums import find_changed_rows
from pipelines.lake.transaction import View


@dataclass(frozen=True)
class Problem:
    """A file, or rows of a table in the catalog, that are not what they should be."""

    path: str  # of the file, or the table's name
    what: str


@dataclass(frozen=True)
class Verification:
    """The files of a lake, and what is wrong with them or with rows in the catalog."""

    files: int
    bytes: int
    problems: list[Problem]


def verify(lake: Lake) -> Verification:
    """Check all files and inlined rows of every snapshot against the checksums of their commits."""
    with lake.view() as view:
        recorded = {
            path: (size, digest)
            for path, size, digest in view.rows("SELECT path, bytes, sha256 FROM meta.checksums")
        }
        paths = sorted(path for (path,) in view.rows(f"SELECT DISTINCT path FROM ({FILES})"))
        problems = _find_catalog_problems(lake, view)
        scheduled = scheduled_files(view)
        files_in_store = stored_files(lake.store, lake.tables)
    total = 0
    for path in paths:
        size, problem = check_file(lake.store, path, recorded)
        total += size
        if problem:
            problems.append(Problem(path, problem))
            lake.guard.forget(path)  # a disk may change bits without any mark of it
    # The rows of such a data file are not served any more; those of a delete file are, again.
    unnamed = (recorded.keys() & files_in_store.keys()) - {*paths, *scheduled}
    problems += [
        Problem(path, "was committed, and the catalog names it no more") for path in sorted(unnamed)
    ]
    return Verification(len(paths), total, problems)


def _find_catalog_problems(lake: Lake, view: View) -> list[Problem]:
    """Return what is wrong with the catalog, where rows not yet in files live."""
    page_problems = _find_broken_pages(lake, view)
    if page_problems:
        return page_problems
    with translated(lake.config.lake_catalog):
        changed = find_changed_rows(view.connection, lake.kind)
    return [Problem(rows.table, rows.what) for rows in changed]


def _find_broken_pages(lake: Lake, view: View) -> list[Problem]:
    """Run SQLite's own check of the catalog."""
    if lake.kind != "sqlite":
        return []
    # Not by Python's sqlite3: a second SQLite in this process would, on closing, drop the locks
    # that DuckDB's holds on the file.
    lines = view.rows(f"FROM sqlite_query('{CATALOG}', 'PRAGMA integrity_check')")
    return [Problem(lake.target, line) for (line,) in lines if line != "ok"]
