"""Keeping a lake small and sound: compact, and verify files and rows against their checksums."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipelines.contracts.meta import CHECKSUMS
from pipelines.contracts.tables import TABLES, Table, quoted
from pipelines.core.errors import LakeError
from pipelines.lake import Lake, View, Writer, inlined
from pipelines.lake.attach import CATALOG, FILES, NAME
from pipelines.lake.errors import translated
from pipelines.lake.ownership import (
    HANDFUL,
    SHARE,
    known_files,
    read_mark,
    scheduled_files,
    stored_files,
)
from pipelines.lake.soundness import check_file
from pipelines.lake.store import Store

SMALL_BYTES = 8 << 20  # files below this are rewritten together
FEW_FILES = 4  # ... once a partition has more of them than this
KEEP = timedelta(days=7)  # snapshots younger than this are kept
READERS = timedelta(hours=1)  # files no snapshot names are kept for readers still at them

Commit = Callable[[str], AbstractContextManager[Writer]]


@dataclass
class Compacted:
    """What a compaction did."""

    flushed: int = 0  # rows moved from the catalog to files
    rewritten: int = 0  # small or holed files written anew
    expired: int = 0  # snapshots
    removed: int = 0  # files
    kept: list[int] = field(default_factory=list)  # old snapshots that something names
    unexpired: int = 0  # old snapshots that stay, as a reader is still at what was before
    unproven: int = 0  # files that no snapshot names, and that may be another lake's

    def summary(self) -> str:
        kept = f", kept {len(self.kept)} old snapshots that are named" if self.kept else ""
        return (
            f"flushed {self.flushed} rows, rewrote {self.rewritten} files, "
            f"expired {self.expired} snapshots, removed {self.removed} files{kept}"
        )

    def warnings(self) -> list[str]:
        """What was left undone, and what to do about it."""
        lines = []
        if self.unexpired:
            lines.append(
                f"{self.unexpired} old snapshots stay: a reader that began before is still open, "
                "and would miss rows. The next compaction after it has ended removes them"
            )
        if self.unproven:
            lines.append(
                f"{self.unproven} files that no snapshot names stay: they are too many to be "
                "leftovers, or may be another lake's. Once you know that nothing needs them, "
                "`bullion compact --orphans` removes them"
            )
        return lines


def compact(
    lake: Lake, *, keep: timedelta = KEEP, readers: timedelta = READERS, orphans: bool = False
) -> Compacted:
    """Move inlined rows to files, rewrite small files, expire snapshots, remove what is left.

    `orphans` removes also such files of no snapshot as may be another lake's.
    """
    done = Compacted()
    _refuse_unsound_rows(lake)
    with lake.compacting() as commit:
        for table in TABLES:
            if table.full_name != CHECKSUMS.full_name:
                _rewrite(commit, lake.store, table, done)
        with commit("drop empty files") as writer:
            # DuckLake leaves a file in the table when the last of its rows went in pieces.
            writer.rows(f"CALL ducklake_rewrite_data_files('{NAME}', delete_threshold => 1)")
        _expire(lake, commit, keep, done)
        _forget_rows(commit, lake.kind)
        _remove(commit, lake.store, readers, orphans, done)
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


def _expire(lake: Lake, commit: Commit, keep: timedelta, done: Compacted) -> None:
    """Expire old snapshots, unless a reader may be at one of them."""
    before = datetime.now(UTC) - keep
    with lake.view() as view:
        newest = view.snapshot  # whoever begins to read from now on is at this one or at a later
        old = _old_snapshots(view, before, newest)
    if all(named for _, named in old):
        done.kept = [number for number, _ in old]
        return
    if lake.is_read():
        done.unexpired = sum(not named for _, named in old)
        return
    with commit("expire snapshots") as writer:
        old = _old_snapshots(writer, before, newest)
        done.kept = [number for number, named in old if named]
        gone = [number for number, named in old if not named]
        if gone:
            writer.run(f"CALL ducklake_expire_snapshots('{NAME}', versions => {gone})")
        done.expired = len(gone)


def _old_snapshots(view: View, before: datetime, newest: int) -> list[tuple[int, bool]]:
    """Snapshots from before a time, but for the newest; and whether something names them."""
    return [
        (int(number), bool(named))
        for number, named in view.rows(
            f"""SELECT snapshot_id, snapshot_id IN (SELECT snapshot FROM meta.kept_snapshots)
                FROM ducklake_snapshots('{NAME}')
                WHERE snapshot_time < ? AND snapshot_id < ? ORDER BY snapshot_id""",
            [before, newest],
        )
    ]


def _remove(
    commit: Commit, store: Store, readers: timedelta, all_orphans: bool, done: Compacted
) -> None:
    """Remove expired files and orphans, then the checksums of what is gone."""
    before = datetime.now(UTC) - readers
    with commit("remove expired files") as writer:
        expired = scheduled_files(writer, before)
        store.remove(expired)
        writer.run(
            f"DELETE FROM {CATALOG}.ducklake_files_scheduled_for_deletion "
            "WHERE path IN (SELECT unnest(?))",
            [expired],
        )
        done.removed += len(expired)
    with commit("remove orphans") as writer:
        orphans = _orphans(writer, store, before)
        removable = list(orphans) if all_orphans else _leftovers(writer, store, orphans)
        store.remove(removable)
        done.removed += len(removable)
        done.unproven = len(orphans) - len(removable)
    with commit("forget checksums") as writer:
        unnamed = writer.rows(
            f"SELECT path FROM {CHECKSUMS.full_name} ANTI JOIN ({FILES}) named USING (path)"
        )
        stored = stored_files(store)
        stale = [path for (path,) in unnamed if path not in stored]
        if stale:
            writer.delete(CHECKSUMS.full_name, "path IN (SELECT unnest(?))", [stale])


def _orphans(view: View, store: Store, before: datetime) -> dict[str, datetime]:
    """The files that the catalog does not name, written before a time; and when."""
    known = known_files(view)
    return {
        path: written_at
        for path, written_at in stored_files(store).items()
        if path not in known and written_at < before
    }


def _leftovers(view: View, store: Store, orphans: dict[str, datetime]) -> list[str]:
    """The orphans that writers of this lake left when they were killed.

    No other catalog could write to the folder since it was marked. Where there are many, the
    catalog itself is in doubt: it may be an old copy.
    """
    mark = read_mark(store)
    recorded = {path for (path,) in view.rows(f"SELECT path FROM {CHECKSUMS.full_name}")}
    proven = [
        path
        for path, written_at in orphans.items()
        if path in recorded or (mark and written_at >= mark.since)
    ]
    if len(proven) <= HANDFUL:
        return proven
    sizes = known_files(view)
    size = view.one("SELECT sum(size) FROM read_blob(?)", [[store.root + path for path in proven]])
    share = max(len(proven) / (len(proven) + len(sizes)), size / max(1, size + sum(sizes.values())))
    return proven if share <= SHARE else []


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
