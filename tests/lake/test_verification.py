"""Verifying a lake finds every damaged file, and every damaged page of its catalog."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.cli import lake as _commands  # noqa: F401
from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake
from tests.busy_lake import files, find_damage
from tests.empty_lake import at


@pytest.fixture(scope="module")
def sound(filled_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with data and delete files; every test leaves it as it was."""
    folder = shutil.copytree(filled_folder, tmp_path_factory.mktemp("sound") / "lake")
    with open_lake(at(folder)) as lake:
        yield lake


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_in_any_file_is_found(sound: Lake, data: st.DataObject) -> None:
    path, file = data.draw(st.sampled_from(sorted(files(sound).items())))
    content = file.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(flipped)
    try:
        assert find_damage(sound) == [(path, "is damaged: it is not what was committed")]
    finally:
        file.write_bytes(content)


def test_a_change_at_either_end_of_any_file_is_found(sound: Lake) -> None:
    for path, file in files(sound).items():
        content = file.read_bytes()
        first_flipped = bytes([content[0] ^ 1]) + content[1:]
        for edited in (content[:-1], content + b"\0", b"", first_flipped):
            file.write_bytes(edited)
            assert [damaged for damaged, _ in find_damage(sound)] == [path]
        file.unlink()
        assert find_damage(sound) == [(path, "is missing")]
        file.write_bytes(content)
    assert find_damage(sound) == []


def test_a_file_without_a_checksum_is_named(full: Lake) -> None:
    path = sorted(files(full))[0]
    with full.write() as writer:
        writer.delete("meta.checksums", "path = ?", [path])
    assert find_damage(full) == [(path, "has no recorded checksum")]


@pytest.mark.parametrize("table", ["ducklake_data_file", "ducklake_inlined_data_%"])
def test_a_damaged_page_of_the_catalog_is_found(
    filled_folder: Path, lake_settings: Settings, table: str
) -> None:
    shutil.copytree(filled_folder, Path(lake_settings.lake_data).parent)
    path = Path(lake_settings.lake_catalog.removeprefix("sqlite:"))
    with closing(sqlite3.connect(path)) as catalog:
        (size,) = catalog.execute("PRAGMA page_size").fetchone()
        (page,) = catalog.execute(
            "SELECT max(rootpage) FROM sqlite_master WHERE type = 'table' AND name LIKE ?", [table]
        ).fetchone()
    content = path.read_bytes()
    start = (page - 1) * size
    path.write_bytes(content[:start] + os.urandom(size) + content[start + size :])
    try:
        with Lake(read_only=True) as lake:
            paths = [problem.path for problem in verify(lake).problems]
    except LakeError as error:
        paths = [str(path)] if str(path) in error.message else []
    assert str(path) in paths
