"""Keep a lake small: rewrite small files, expire old snapshots, remove files nothing names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipelines.contracts.meta import CHECKSUMS
from pipelines.contracts.tables import Table, quoted
from pipelines.core.errors import LakeError
from pipelines.lake.catalog import CATALOG, FILES, NAME
from pipelines.lake.data_files import known_files, scheduled_files, stored_files
from pipelines.lake.door import Lake
from pipelines.lake.file_store import FileStore
from pipelines.lake.folder_owner import SMALL_SHARE, read_mark
from pipelines.lake.inlined_checksums import (
    find_changed_rows,
    list_deletion_tables,
    renew_checksums,
)
from pipelines.lake.transaction import View, Writer

SMALL_BYTES = 8 << 20  # files below this are rewritten together
FEW_FILES = 4  # ... once a partition has more of them than this
FEW_LEFTOVERS = 2  # are removed, whatever their share of the folder
KEEP_SNAPSHOTS = timedelta(days=7)  # snapshots younger than this are kept
KEEP_FILES = timedelta(hours=1)  # that no snapshot names, for readers still at them

Commit = Callable[[str], AbstractContextManager[Writer]]


@dataclass
class CompactionReport:
    """The counts of what a compaction did."""

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
        """Say what was left undone, and what to do about it."""
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
    lake: Lake,
    *,
    keep: timedelta = KEEP_SNAPSHOTS,
    readers: timedelta = KEEP_FILES,
    orphans: bool = False,
) -> CompactionReport:
    """Move inlined rows to files, rewrite small files, expire snapshots, remove what is left.

    `orphans` removes also such files of no snapshot as may be another lake's.
    """
    report = CompactionReport()
    _refuse_changed_rows(lake)
    with lake.compacting() as commit:
        for table in lake.tables:
            if table.full_name != CHECKSUMS.full_name:
                _rewrite_table(commit, lake.store, table, report)
        with commit("drop empty files") as writer:
            # DuckLake leaves a file in the table when the last of its rows went in pieces.
            writer.rows(f"CALL ducklake_rewrite_data_files('{NAME}', delete_threshold => 1)")
        _expire_snapshots(lake, commit, keep, report)
        _forget_inlined_rows(commit, lake.kind)
        _remove_files(commit, lake.store, readers, orphans, report)
    return report


def _rewrite_table(
    commit: Commit, store: FileStore, table: Table, report: CompactionReport
) -> None:
    """Write inlined rows, small files, and files with holes, together anew.

    DuckLake's own merge cannot share a transaction with the checksums, and its own flush takes
    the inlined rows away from under readers; a rewrite can, and does not.
    """
    with commit(f"rewrite {table.full_name}") as writer:
        live_rows = dict(
            writer.rows(f"SELECT filename, count(*) FROM {table.full_name} GROUP BY 1")
        )
        if not live_rows:
            return
        files = {
            f"{store.root}{path}": (size, rows)
            for path, size, rows in writer.rows(
                f"SELECT path, size, rows FROM ({FILES}) "
                "WHERE live AND kind = 'data' AND full_name = ?",
                [table.full_name],
            )
        }
        inlined = [name for name in live_rows if name not in files]
        groups: dict[str, list[tuple[str, bool]]] = {}
        for path, (size, rows) in files.items():
            holed = live_rows.get(path, 0) < rows
            if path in live_rows and (size < SMALL_BYTES or holed):
                groups.setdefault(path.rpartition("/")[0], []).append((path, holed))
        old_files = [
            path
            for group in groups.values()
            if len(group) > FEW_FILES or any(holed for _, holed in group)
            for path, _ in group
        ]
        if old_files or inlined:
            condition = "filename IN (SELECT unnest(?))"
            columns = ", ".join(quoted(name) for name in table.column_names)
            order = ", ".join(quoted(name) for name in table.sort) or "ALL"
            writer.touch(table.full_name)
            writer.run(
                f"""INSERT INTO {table.full_name} ({columns})
                    SELECT {columns} FROM {table.full_name} WHERE {condition} ORDER BY {order}""",
                [old_files + inlined],
            )
            writer.run(f"DELETE FROM {table.full_name} WHERE {condition}", [old_files + inlined])
    report.flushed += sum(live_rows[name] for name in inlined)
    report.rewritten += len(old_files)


def _refuse_changed_rows(lake: Lake) -> None:
    """Refuse to compact changed rows: in a file with its own checksum they would pass as sound."""
    with lake.view() as view:
        changed = [rows for rows in find_changed_rows(view.connection, lake.kind) if rows.live]
    if changed:
        raise LakeError(
            f"{changed[0].table} {changed[0].what}: nothing was compacted",
            "`bullion verify` names all such rows: restore the catalog from a copy",
        )


def _forget_inlined_rows(commit: Commit, kind: str) -> None:
    """Remove inlined rows that no snapshot sees any more: DuckLake would keep them for ever.

    Also deletions of rows of files that are gone.
    """
    with commit("forget inlined rows") as writer:
        changed = find_changed_rows(writer.connection, kind)
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
        for name in list_deletion_tables(writer.connection, kind):
            writer.run(
                f"""DELETE FROM {CATALOG}.{name}
                    WHERE file_id NOT IN (SELECT data_file_id FROM {CATALOG}.ducklake_data_file)"""
            )
        renew_checksums(writer.connection, kind, changed)


def _expire_snapshots(
    lake: Lake, commit: Commit, keep: timedelta, report: CompactionReport
) -> None:
    """Expire old snapshots, unless a reader may be at one of them."""
    before = datetime.now(UTC) - keep
    with lake.view() as view:
        newest = view.snapshot  # whoever begins to read from now on is at this one or at a later
        old = _old_snapshots(view, before, newest)
    if all(named for _, named in old):
        report.kept = [number for number, _ in old]
        return
    if lake.has_old_readers():
        report.unexpired = sum(not named for _, named in old)
        return
    with commit("expire snapshots") as writer:
        old = _old_snapshots(writer, before, newest)
        report.kept = [number for number, named in old if named]
        unnamed = [number for number, named in old if not named]
        if unnamed:
            writer.run(f"CALL ducklake_expire_snapshots('{NAME}', versions => {unnamed})")
        report.expired = len(unnamed)


def _old_snapshots(view: View, before: datetime, newest: int) -> list[tuple[int, bool]]:
    """Return the snapshots from before a time, and whether something names them; not the newest."""
    return [
        (int(number), bool(named))
        for number, named in view.rows(
            f"""SELECT snapshot_id, snapshot_id IN (SELECT snapshot FROM meta.kept_snapshots)
                FROM ducklake_snapshots('{NAME}')
                WHERE snapshot_time < ? AND snapshot_id < ? ORDER BY snapshot_id""",
            [before, newest],
        )
    ]


def _remove_files(
    commit: Commit,
    store: FileStore,
    readers: timedelta,
    all_orphans: bool,
    report: CompactionReport,
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
        report.removed += len(expired)
    with commit("remove orphans") as writer:
        orphans = _find_orphans(writer, store, before)
        removable = list(orphans) if all_orphans else _select_leftovers(writer, store, orphans)
        store.remove(removable)
        report.removed += len(removable)
        report.unproven = len(orphans) - len(removable)
    with commit("forget checksums") as writer:
        unnamed = writer.rows(
            f"SELECT path FROM {CHECKSUMS.full_name} ANTI JOIN ({FILES}) named USING (path)"
        )
        stored = stored_files(store, writer.tables)
        gone_paths = [path for (path,) in unnamed if path not in stored]
        if gone_paths:
            writer.delete(CHECKSUMS.full_name, "path IN (SELECT unnest(?))", [gone_paths])


def _find_orphans(writer: Writer, store: FileStore, before: datetime) -> dict[str, datetime]:
    """Return the files that the catalog does not name, written before a time; and when."""
    known_paths = known_files(writer)
    return {
        path: written_at
        for path, written_at in stored_files(store, writer.tables).items()
        if path not in known_paths and written_at < before
    }


def _select_leftovers(view: View, store: FileStore, orphans: dict[str, datetime]) -> list[str]:
    """Return the orphans that writers of this lake left when they were killed.

    No other catalog could write to the folder since it was marked. Where they are a large share of
    it, the catalog itself is in doubt: a person is asked.
    """
    mark = read_mark(store)
    recorded = {path for (path,) in view.rows(f"SELECT path FROM {CHECKSUMS.full_name}")}
    proven = [
        path
        for path, written_at in orphans.items()
        if path in recorded or (mark and written_at >= mark.since)
    ]
    if len(proven) <= FEW_LEFTOVERS:
        return proven
    sizes = known_files(view)
    size = view.one("SELECT sum(size) FROM read_blob(?)", [[store.root + path for path in proven]])
    share = max(len(proven) / (len(proven) + len(sizes)), size / max(1, size + sum(sizes.values())))
    return proven if share <= SMALL_SHARE else []
