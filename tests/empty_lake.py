"""Empty lakes: made once by the real code, copied from then on, as making one takes a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.folder_owner import MARK
from pipelines.steps.lake import open_lake
from tests.build_once import build_once


def at(folder: Path) -> Settings:
    """Settings of a lake in a folder."""
    return Settings(lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=f"{folder}/files")


@cache
def _catalog() -> bytes:
    return (build_once("empty_lake", _build) / "catalog.sqlite").read_bytes()


def _build(folder: Path) -> None:
    open_lake(at(folder)).close()
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    # Nothing else belongs to it: no rows in files, no WAL. The copy marks its own folder.
    assert files == {"catalog.sqlite", "catalog.sqlite.lock", "catalog.sqlite.writer", MARK}


def create_lake(config: Settings) -> Lake:
    """A lake of its own that was just made; nothing may lie at its place yet."""
    kind, _, place = config.lake_catalog.partition(":")
    if kind == "sqlite":
        file = Path(place)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as out:
            out.write(_catalog())
    return open_lake(config)


@contextmanager
def lake_of_a_module(factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """One lake for a module: each test speaks as a source of its own."""
    with create_lake(at(factory.mktemp("lake"))) as lake:
        yield lake
