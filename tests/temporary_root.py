"""Where the folders of the tests lie: in memory, where there is enough of it.

A commit waits for the disk some ten times, and the tests make thousands of commits. What the disk
adds is that a commit outlives a loss of power, which no test could see: a killed process has the
same files in memory.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil

VARIABLE = "PYTEST_DEBUG_TEMPROOT"  # pytest's own
MEMORY = Path("/dev/shm")
NEEDED = 6 << 30  # bytes: all folders of `make test` take 1 GiB, and so do its processes


def choose_root(memory: Path = MEMORY, needed: int = NEEDED) -> None:
    """Let pytest make its folders in memory, unless a variable names another place."""
    if VARIABLE not in os.environ and _has_room(memory, needed):
        os.environ[VARIABLE] = str(memory)


def _has_room(memory: Path, needed: int) -> bool:
    """Whether a folder can be made there and much memory is free; containers often have 64 MiB."""
    if not (memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)):
        return False
    return min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) >= needed
