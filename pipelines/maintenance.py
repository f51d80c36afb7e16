"""Keeping a lake small and sound: compact, and verify files and rows against their checksums."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipelines import inlined
from pipelines.attach import NAME
from pipelines.errors import LakeError
from pipelines.files import Store
from pipelines.lake import Lake, View, Writer
from pipelines.lake_errors import translated
from pipelines.soundness import check_file
from pipelines.tables import TABLES, Table, quoted
from pipelines.tables.meta import CHECKSUMS

SMALL_BYTES = 8 << 20  # files below this are rewritten together
FEW_FILES = 4  # ... once a partition has more of them than this
KEEP = timedelta(days=7)  # snapshots younger than this are kept
READERS = timedelta(hours=1)  # files no snapshot names are kept for readers still at them

Commit = Callable[[str], AbstractContextManager[Writer]]

CATALOG = f"__ducklake_metadata_{NAME}"
FILES = f"""
    SELECT s.path || t.path || f.path AS path, s.schema_name || '.' || t.table_name AS full_name,
           f.live, f.size, f.rows, f.kind
    FROM (
        SELECT table_id, path, end_snapshot IS NULL AS live, file_size_bytes AS size,
               record_count AS rows, 'data' AS kind
        FROM {CATALOG}.ducklake_data_file WHERE path_is_relative
        UNION ALL
        SELECT table_id, path, end_snapshot IS NULL, file_size_bytes, delete_count, 'delete'
        FROM {CATALOG}.ducklake_delete_file WHERE path_is_relative
    ) f
    JOIN {CATALOG}.ducklake_table t ON t.table_id = f.table_id
    JOIN {CATALOG}.ducklake_schema s ON s.schema_id = t.schema_id"""


@dataclass
class Compacted:
    """What a compaction did."""

    flushed: int = 0  # rows moved from the catalog to files
    rewritten: int = 0  # small or holed files written anew
    expired: int = 0  # snapshots
    removed: int = 0  # files
    kept: list[int] = field(default_factory=list)  # old snapshots that something names

    def summary(self) -> str:
        kept = f", kept {len(self.kept)} old snapshots that are named" if self.kept else ""
        return (
            f"flushed {self.flushed} rows, rewrote {self.rewritten} files, "
            f"expired {self.expired} snapshots, removed {self.removed} files{kept}"
        )


def compact(lake: Lake, *, keep: timedelta = KEEP, readers: timedelta = READERS) -> Compacted:
    """Move inlined rows to files, rewrite small files, expire snapshots, remove what is left."""
    done = Compacted()
    _refuse_unsound_rows(lake)
    with lake.compacting() as commit:
        for table in TABLES:
            if table.full_name != CHECKSUMS.full_name:
                _rewrite(commit, lake.store, table, done)
        with commit("drop empty files") as writer:
            # DuckLake leaves a file in the table when the last of its rows went in pieces.
            writer.rows(f"CALL ducklake_rewrite_data_files('{NAME}', delete_threshold => 1)")
        _expire(commit, keep, done)
        _forget_rows(commit, lake.kind)
        _remove(commit, lake.store, readers, done)
    return done


def _rewrite(commit: Commit, store: Store, table: Table, done: Compacted) -> None:
    """Write inlined rows, small files, and files with holes, together anew.

    DuckLake's own merge cannot share a transaction with the checksums, and its own flush takes
    the inlined rows away from under readers; a rewrite can, and does not.
    """
    with commit(f"rewrite {table.full_name}") as writer:
        seen = dict(writer.rows(f"SELECT filename, count(*) FROM {table.full_name} GROUP BY 1"))
        files = {
            f"{store.root}{path}": (size, rows)
            for path, size, rows in writer.rows(
                f"SELECT path, size, rows FROM ({FILES}) "
                "WHERE live AND kind = 'data' AND full_name = ?",
                [table.full_name],
            )
        }
        inlined = [name for name in seen if name not in files]
        groups: dict[str, list[tuple[str, bool]]] = {}
        for path, (size, rows) in files.items():
            holed = seen.get(path, 0) < rows
            if path in seen and (size < SMALL_BYTES or holed):
                groups.setdefault(path.rpartition("/")[0], []).append((path, holed))
        chosen = [
            path
            for group in groups.values()
            if len(group) > FEW_FILES or any(holed for _, holed in group)
            for path, _ in group
        ]
        if chosen or inlined:
            here = "filename IN (SELECT unnest(?))"
            columns = ", ".join(quoted(name) for name in table.column_names)
            order = ", ".join(quoted(name) for name in table.sort) or "ALL"
            writer.touch(table.full_name)
            writer.run(
                f"""INSERT INTO {table.full_name} ({columns})
                    SELECT {columns} FROM {table.full_name} WHERE {here} ORDER BY {order}""",
                [chosen + inlined],
            )
            writer.run(f"DELETE FROM {table.full_name} WHERE {here}", [chosen + inlined])
    done.flushed += sum(seen[name] for name in inlined)
    done.rewritten += len(chosen)


def _refuse_unsound_rows(lake: Lake) -> None:
    """Moved to a file with its own checksum, a changed row would pass as committed."""
    with lake.view() as view:
        changed = [rows for rows in inlined.unsound(view.connection, lake.kind) if rows.live]
    if changed:
        raise LakeError(
            f"rows of {changed[0].table} in the catalog are not what commit {changed[0].key[1]} "
            "wrote: nothing was compacted",
            "`bullion verify` names all such rows: restore the catalog from a copy",
        )


def _forget_rows(commit: Commit, kind: str) -> None:
    """Remove inlined rows that no snapshot sees any more: DuckLake would keep them for ever."""
    with commit("forget inlined rows") as writer:
        changed = inlined.unsound(writer.connection, kind)
        for (name,) in writer.rows(
            f"SELECT table_name FROM {CATALOG}.ducklake_inlined_data_tables"
        ):
            writer.run(
                f"""DELETE FROM {CATALOG}.{name} d
                    WHERE d.end_snapshot IS NOT NULL AND NOT EXISTS (
                        FROM {CATALOG}.ducklake_snapshot s
                        WHERE s.snapshot_id >= d.begin_snapshot
                          AND s.snapshot_id < d.end_snapshot)"""
            )
        inlined.renew(writer.connection, kind, changed)


def _expire(commit: Commit, keep: timedelta, done: Compacted) -> None:
    with commit("expire snapshots") as writer:
        before = datetime.now(UTC) - keep
        old = writer.rows(
            f"""SELECT snapshot_id, snapshot_id IN (SELECT snapshot FROM meta.kept_snapshots)
                FROM ducklake_snapshots('{NAME}')
                WHERE snapshot_time < ? AND snapshot_id < ? ORDER BY snapshot_id""",
            [before, writer.snapshot],
        )
        done.kept = [int(number) for number, named in old if named]
        gone = [int(number) for number, named in old if not named]
        if gone:
            writer.run(f"CALL ducklake_expire_snapshots('{NAME}', versions => {gone})")
        done.expired = len(gone)


def _remove(commit: Commit, store: Store, readers: timedelta, done: Compacted) -> None:
    """Remove expired files and orphans, then the checksums of what is gone."""
    older = f"older_than => TIMESTAMPTZ '{(datetime.now(UTC) - readers).isoformat()}'"
    with commit("remove expired files") as writer:
        done.removed += len(writer.rows(f"CALL ducklake_cleanup_old_files('{NAME}', {older})"))
    with commit("remove orphans") as writer:
        orphans = writer.rows(
            f"CALL ducklake_delete_orphaned_files('{NAME}', {older}, dry_run => true)"
        )
        # Other files may lie below the data path, and DuckLake would take them for its own.
        folders = tuple(f"{store.root}{table.schema}/{table.name}/" for table in TABLES)
        ours = [path[len(store.root) :] for (path,) in orphans if path.startswith(folders)]
        store.remove(ours)
        done.removed += len(ours)
    with commit("forget checksums") as writer:
        unnamed = writer.rows(
            f"SELECT path FROM {CHECKSUMS.full_name} ANTI JOIN ({FILES}) named USING (path)"
        )
        there = set[str]().union(*(store.listing(f"{t.schema}/{t.name}") for t in TABLES))
        stale = [path for (path,) in unnamed if path not in there]
        if stale:
            writer.delete(CHECKSUMS.full_name, "path IN (SELECT unnest(?))", [stale])


def keep_snapshot(lake: Lake, snapshot: int, reason: str) -> None:
    """Never expire this snapshot while `reason` stands."""
    with lake.write("keep snapshot") as writer:
        if not writer.rows(
            f"SELECT 1 FROM ducklake_snapshots('{NAME}') WHERE snapshot_id = ?", [snapshot]
        ):
            raise LakeError(
                f"snapshot {snapshot} is gone, so {reason!r} cannot keep it",
                "name one that is there: read the rows again at the newest snapshot",
            )
        writer.touch("meta.kept_snapshots")
        writer.run(
            "INSERT INTO meta.kept_snapshots VALUES (?, ?, now())",
            [snapshot, reason],
        )


def release_snapshots(lake: Lake, reasons: Iterable[str]) -> None:
    with lake.write("release snapshots") as writer:
        writer.delete("meta.kept_snapshots", "reason IN (SELECT unnest(?))", [list(reasons)])


@dataclass(frozen=True)
class Problem:
    """A file, or rows of a table in the catalog, that are not what they should be."""

    path: str  # of the file, or the table's name
    what: str


@dataclass(frozen=True)
class Verified:
    files: int
    bytes: int
    problems: list[Problem]


def verify(lake: Lake) -> Verified:
    """Check all files and inlined rows of every snapshot against the checksums of their commits."""
    with lake.view() as view:
        recorded = {
            path: (size, digest)
            for path, size, digest in view.rows("SELECT path, bytes, sha256 FROM meta.checksums")
        }
        named = sorted(path for (path,) in view.rows(f"SELECT DISTINCT path FROM ({FILES})"))
        problems = _catalog_problems(lake, view)
    total = 0
    for path in named:
        size, what = check_file(lake.store, path, recorded)
        total += size
        if what:
            problems.append(Problem(path, what))
            lake.guard.forget(path)  # a disk may change bits without any mark of it
    return Verified(len(named), total, problems)


def _catalog_problems(lake: Lake, view: View) -> list[Problem]:
    """What is wrong with the catalog, where rows not yet in files live."""
    broken = _broken_pages(lake, view)
    if broken:
        return broken
    with translated(lake.config.lake_catalog):
        changed = inlined.unsound(view.connection, lake.kind)
    return [
        Problem(
            rows.table,
            f"has rows in the catalog that are not what commit {rows.key[1]} wrote",
        )
        for rows in changed
    ]


def _broken_pages(lake: Lake, view: View) -> list[Problem]:
    """SQLite's own check of the catalog."""
    if lake.kind != "sqlite":
        return []
    # Not by Python's sqlite3: a second SQLite in this process would, on closing, drop the locks
    # that DuckDB's holds on the file.
    found = view.rows(f"FROM sqlite_query('{CATALOG}', 'PRAGMA integrity_check')")
    return [Problem(lake.target, line) for (line,) in found if line != "ok"]
