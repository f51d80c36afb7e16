"""A write that the disk has no room for commits nothing."""

from __future__ import annotations

from pathlib import Path

from pipelines.lake import Lake
from pipelines.lake.verification import verify
from tests.job_server import Jobs
from tests.lake_rows import (
    count_versions,
    list_symbols,
    replace_series,
)
from tests.small_disk import run_on


def test_a_file_that_cannot_grow_commits_nothing(lake: Lake, jobs: Jobs) -> None:
    replace_series(lake, list_symbols(), "kept")
    before = lake.snapshot
    for rows, limit in ((60_000, 20_000), (50, 4_096)):  # a data file; the catalog
        error = jobs.run("failing_write", rows, limit)
        assert error is not None
        assert "nothing was committed" in error["hint"]
        assert lake.snapshot == before
        assert count_versions(lake) == {"kept": len(list_symbols())}
    replace_series(lake, ["A"], "next", source="t")
    assert count_versions(lake)["next"] == 1
    assert verify(lake).problems == []


FULL = """
import os
from pathlib import Path
from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.verification import verify
from tests.lake_rows import list_symbols, write_series, replace_series, count_versions

disk = Path(os.environ["DISK"])
with Lake() as lake:
    replace_series(lake, list_symbols(), "kept")
    before = lake.snapshot
    ballast = disk / "ballast"
    for rows, left in ((200_000, 200_000), (900, 0)):
        room = os.statvfs(disk)
        ballast.write_bytes(bytes(room.f_bavail * room.f_bsize - left))
        try:
            replace_series(lake, list_symbols(count=rows), "failed")
        except LakeError as error:
            assert error.hint.endswith("nothing was committed"), error
            assert "full" in error.message, error
            assert str(disk) in error.message, error
        else:
            raise AssertionError("it fitted")
        ballast.unlink()
        assert lake.snapshot == before
        assert count_versions(lake) == {"kept": len(list_symbols())}
    replace_series(lake, ["A"], "next", source="t")
    assert count_versions(lake)["next"] == 1
    assert verify(lake).problems == []
print("kept")
"""


def test_a_full_disk_commits_nothing(jobs: Jobs, tmp_path: Path) -> None:
    process = run_on(jobs, tmp_path / "disk", 8, FULL)
    assert process.stdout == "kept\n", process.stderr
