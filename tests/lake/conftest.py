"""A lake with files and rows of every kind, filled once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.steps.lake import open_lake
from tests.build_once import build_once
from tests.busy_lake import fill_with_deletes
from tests.empty_lake import at, create_lake
from tests.side_by_side import with_every_optimizer


@pytest.fixture(scope="module", autouse=True)
def every_optimizer() -> Iterator[None]:
    """Open DuckDB as production does: a wrong answer of an optimizer is found here."""
    with with_every_optimizer():
        yield


@pytest.fixture(scope="session")
def filled_folder() -> Path:
    """The folder of a closed lake, which no test changes."""
    return build_once("filled", _fill)


def _fill(folder: Path) -> None:
    with create_lake(at(folder)) as lake:
        fill_with_deletes(lake)


@pytest.fixture
def full(filled_folder: Path, lake_settings: Settings) -> Iterator[Lake]:
    """A lake with holes of both kinds (in files, in the catalog), small files, inlined rows."""
    shutil.copytree(filled_folder, Path(lake_settings.lake_data).parent)
    with open_lake(lake_settings) as lake:
        yield lake
