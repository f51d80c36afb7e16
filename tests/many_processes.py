"""Processes that do the same at once to one lake, whatever its catalog is."""

from __future__ import annotations

from pipelines.lake import Lake
from tests.job_server import Jobs


def make_lake_at_once(jobs: Jobs) -> None:
    """Four processes open a lake that is not there: all see the one that was made."""
    makers = [jobs.start("make") for _ in range(4)]
    assert len({maker.result() for maker in makers}) == 1


def append_at_once(lake: Lake, jobs: Jobs, names: str, commits: int) -> None:
    """A process a name appends rows: none is lost, none doubled, no commit shares a number."""
    count = len(names) * commits
    appends = [jobs.start("append", name, commits) for name in names]
    snapshots = [number for job in appends for number in job.result()]
    assert len(set(snapshots)) == count
    rows = lake.rows(
        """SELECT count(*), count(DISTINCT symbol), bool_and(s.batch = k.snapshot)
           FROM silver.series s FULL JOIN meta.kept_snapshots k ON s.symbol = k.reason"""
    )
    assert rows == [(count, count, True)]
