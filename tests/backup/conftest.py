"""A lake with rows and files of every kind, a place for backups, and an empty place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.backup.objects import Objects
from pipelines.lake import Lake
from pipelines.lake.file_store import FolderStore
from pipelines.steps.lake import open_lake
from tests.build_once import build_once
from tests.busy_lake import fill_with_deletes
from tests.empty_lake import at, create_lake


def _fill(folder: Path) -> None:
    with create_lake(at(folder)) as opened:
        fill_with_deletes(opened)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake with data and delete files, and rows in its catalog."""
    folder = shutil.copytree(build_once("filled", _fill), tmp_path / "lake")
    with open_lake(at(folder)) as opened:
        yield opened


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """A folder without backups."""
    return Objects(FolderStore(str(tmp_path / "backups")))
