"""Take a lake back to what it said at a time: by a commit of its own, so that nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.lake.catalog import CATALOG

LAYOUT = "SELECT layout, fingerprint FROM meta.layouts{at} ORDER BY ALL"


def rewind(lake: Lake, at: datetime) -> tuple[int, datetime]:
    """Give each table the rows that it had at a time; return that snapshot and when it was made.

    Rows are known again by DuckLake's number of the row, which stays through compactions. What
    `meta` says of files stays, as the files are still there.
    """
    with lake.view() as view:
        rows = view.rows(
            f"""SELECT snapshot_id, snapshot_time::TIMESTAMPTZ FROM {CATALOG}.ducklake_snapshot
                WHERE snapshot_time::TIMESTAMPTZ <= ? ORDER BY snapshot_id DESC LIMIT 1""",
            [at],
        )
        if not rows:
            raise InvalidRequest(
                f"the lake has no snapshot of {at:%Y-%m-%d %H:%M} UTC any more", "name a later time"
            )
        [(snapshot, committed_at)] = rows
        then = f" AT (VERSION => {snapshot})"
        if view.rows(LAYOUT.format(at=then)) != view.rows(LAYOUT.format(at="")):
            raise InvalidRequest(
                f"the lake had other tables on {at:%Y-%m-%d %H:%M} UTC",
                "name a time after they were changed",
            )
    with lake.write(f"go back to snapshot {snapshot}") as writer:
        for table in lake.tables:
            if table.schema == "meta":
                continue
            name = table.full_name
            writer.touch(name)
            writer.run(
                f"""DELETE FROM {name} WHERE rowid IN (
                        SELECT id FROM (SELECT rowid AS id, * FROM {name}
                                        EXCEPT SELECT rowid AS id, * FROM {name}{then}))"""
            )
            writer.run(
                f"""INSERT INTO {name}
                    SELECT * FROM {name}{then} WHERE rowid NOT IN (SELECT rowid FROM {name})"""
            )
    return int(snapshot), committed_at.astimezone(UTC)
