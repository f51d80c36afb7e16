"""Faults of the disk, put under a command by strace: the n-th call that changes a file fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = "pwrite64,fsync,fdatasync,ftruncate,rename,unlink"
LONGEST = 300  # seconds of a command under strace
SCRIPT = "import sys\nfrom pipelines import cli\nsys.argv[0] = 'bullion'\ncli.main()"


def require_strace() -> None:
    """Skip the test where no process may be traced."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "true"]
    if not shutil.which("strace") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("faults of a disk need strace, and the right to trace a process")


def run_traced(words: list[str], log: Path, fault: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of `bullion` under strace; its calls are the lines of the log."""
    options = ["-o", str(log), "-e", f"trace={CALLS}", "-e", "signal=none"]
    options += ["-e", f"inject={CALLS}:{fault}"] if fault else []
    return subprocess.run(
        ["strace", "-f", "-qq", *options, sys.executable, "-c", SCRIPT, *words],
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )


def count_calls(log: Path) -> int:
    """Return how many calls a command made, those that it began and ended in two lines as one."""
    return sum("resumed>" not in line for line in log.read_text().splitlines())
