"""Folders that take seconds to build: built once, for all workers of a run."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

_shared: list[Path] = []


def share_folders(config: pytest.Config, factory: pytest.TempPathFactory) -> None:
    """Build in the folder that all workers of this run have in common."""
    own_folder = factory.getbasetemp()
    _shared[:] = [own_folder.parent if hasattr(config, "workerinput") else own_folder]


def build_once(name: str, build: Callable[[Path], object]) -> Path:
    """Build a folder once for all workers; no test may write to it afterwards."""
    root = _shared[0] if _shared else Path(_folder_of_this_process().name)
    folder, marker = root / name, root / f"{name}.built"
    with (root / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not marker.exists():
            folder.mkdir()
            build(folder)
            marker.touch()
    return folder


@cache
def _folder_of_this_process() -> tempfile.TemporaryDirectory[str]:
    """Where a program that is no run of pytest builds; it is gone when the program ends."""
    return tempfile.TemporaryDirectory(prefix="bullion-built-")
