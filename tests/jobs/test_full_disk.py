"""A run on a full disk fails, and commits nothing."""

from __future__ import annotations

from pathlib import Path

from tests.job_server import Jobs
from tests.small_disk import run_on

FULL = """
import os, sys
from dataclasses import replace
from pathlib import Path
from pipelines import jobs
from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from pipelines.steps.lake import open_lake
from pipelines.lake.verification import verify
from tests.jobs.run_requests import BARS, NAME, request

disk = Path(os.environ["DISK"])
jobs.bring_bars(NAME, request("fits", BARS[-2]))
with open_lake() as lake:
    before = lake.snapshot
room = os.statvfs(disk)
(disk / "ballast").write_bytes(bytes(room.f_bavail * room.f_bsize))
try:
    jobs.bring_bars(NAME, request("does not"))
except LakeError as error:
    assert "full" in error.message, error
else:
    raise AssertionError("it fitted")
(disk / "ballast").unlink()
with open_lake() as lake:
    assert lake.snapshot == before
    assert verify(lake).problems == []
jobs.bring_bars(NAME, request("does now"))
print("kept")
"""


def test_a_run_on_a_full_disk_fails_and_leaves_nothing(jobs: Jobs, tmp_path: Path) -> None:
    process = run_on(jobs, tmp_path / "disk", 32, FULL)
    assert process.stdout.endswith("kept\n"), process.stderr
