"""Tests mirror the tree, and no file is too long to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.settings import ROOT

LONGEST = 400  # lines of a file
FOLDERS = ("pipelines", "serving", "dashboard", "plugins", "dags", "include")
ROOMS = {"pipelines": ""}  # whose tests stand directly below tests/
MODULES = [
    path.relative_to(ROOT)
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py")
]


def find_test(module: Path) -> Path:
    """Return where the tests of a module stand."""
    room, *folders, name = module.parts
    return Path("tests", ROOMS.get(room, room), *folders, f"test_{name}")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_a_test_at_its_path(module: Path) -> None:
    assert (ROOT / find_test(module)).is_file(), f"{module} has no {find_test(module)}"


@pytest.mark.parametrize("folder", [*FOLDERS, "tests"])
def test_no_file_is_longer_than_a_reader_can_hold(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > LONGEST
    }
    assert long == {}


def test_what_needs_servers_stands_where_make_test_integration_looks() -> None:
    mark = "mark." + "integration"
    marked = {path for path in (ROOT / "tests").rglob("*.py") if mark in path.read_text()}
    assert marked == {*(ROOT / "tests" / "integration").glob("test_*.py")}


def test_a_module_without_a_test_is_noticed() -> None:
    assert find_test(Path("pipelines/core/clock.py")) == Path("tests/core/test_clock.py")
    assert find_test(Path("serving/app.py")) == Path("tests/serving/test_app.py")
