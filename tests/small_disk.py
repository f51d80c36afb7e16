"""A script run on a disk of its own that is soon full."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.settings import ROOT


def run_on(disk: Path, megabytes: int, script: str) -> subprocess.CompletedProcess[str]:
    """Its lake is on the disk, which is also `DISK` in its environment."""
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={megabytes}m none {disk}"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: this needs root")
    environment = os.environ | {
        "DISK": str(disk),
        "BULLION_LAKE_CATALOG": f"sqlite:{disk}/lake/catalog.sqlite",
        "BULLION_LAKE_DATA": f"{disk}/lake/files",
    }
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mount} && exec "$0" -c "$1"', sys.executable, script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
