"""A script run on a disk of its own that is soon full."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.job_server import Jobs


@dataclass(frozen=True)
class Ended:
    """What a script left: its exit code, what it printed, what it complained of."""

    returncode: int
    stdout: str
    stderr: str


def run_on(jobs: Jobs, disk: Path, megabytes: int, script: str) -> Ended:
    """Its lake is on the disk, which is also `DISK` in its environment."""
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={megabytes}m none {disk}"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: this needs root")
    out, errors = disk.with_name("stdout"), disk.with_name("stderr")
    code = jobs.run("run_on_disk", str(disk), megabytes, script, str(out), str(errors))
    return Ended(code, out.read_text(), errors.read_text())
