"""Keeping a lake small and sound: compact, and verify every file against its checksum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipelines.attach import CATALOG, NAME
from pipelines.errors import LakeError
from pipelines.files import Store
from pipelines.lake import Lake, View, Writer
from pipelines.tables import TABLES, Table, quoted
from pipelines.tables.meta import CHECKSUMS

SMALL_BYTES = 8 << 20  # files below this are rewritten together
FEW_FILES = 4  # ... once a partition has more of them than this
KEEP = timedelta(days=7)  # snapshots younger than this are kept
READERS = timedelta(hours=1)  # files no snapshot names are kept for readers still at them

Commit = Callable[[str], AbstractContextManager[Writer]]

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
    with lake.compacting() as commit:
        for table in TABLES:
            if table.full_name != CHECKSUMS.full_name:
                _rewrite(commit, lake.store, table, done)
        with commit("drop empty files") as writer:
            # DuckLake leaves a file in the table when the last of its rows went in pieces.
            writer.rows(f"CALL ducklake_rewrite_data_files('{NAME}', delete_threshold => 1)")
        _expire(commit, keep, done)
        _forget_rows(commit)
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


def _forget_rows(commit: Commit) -> None:
    """Remove inlined rows that no snapshot sees any more: DuckLake would keep them for ever."""
    with commit("forget inlined rows") as writer:
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
    """A file that is not what it should be."""

    path: str
    what: str


@dataclass(frozen=True)
class Verified:
    files: int
    bytes: int
    problems: list[Problem]


def verify(lake: Lake) -> Verified:
    """Check every file of every snapshot against the checksum recorded with its commit."""
    with lake.view() as view:
        recorded = {
            path: (size, digest)
            for path, size, digest in view.rows("SELECT path, bytes, sha256 FROM meta.checksums")
        }
        named = sorted(path for (path,) in view.rows(f"SELECT DISTINCT path FROM ({FILES})"))
        problems = _catalog_problems(lake, view)
    total = 0
    for path in named:
        try:
            size, digest = lake.store.checksum(path)
        except FileNotFoundError:
            problems.append(Problem(path, "is missing"))
            continue
        except OSError as error:
            problems.append(Problem(path, f"cannot be read: {error}"))
            continue
        total += size
        if path not in recorded:
            problems.append(Problem(path, "has no recorded checksum"))
        elif recorded[path] != (size, digest):
            problems.append(Problem(path, "is damaged: it is not what was committed"))
    return Verified(len(named), total, problems)


def _catalog_problems(lake: Lake, view: View) -> list[Problem]:
    """SQLite's own check of the catalog, where rows not yet in files live."""
    if lake.kind != "sqlite":
        return []
    # Not by Python's sqlite3: a second SQLite in this process would, on closing, drop the locks
    # that DuckDB's holds on the file.
    found = view.rows(f"FROM sqlite_query('{CATALOG}', 'PRAGMA integrity_check')")
    return [Problem(lake.target, line) for (line,) in found if line != "ok"]
