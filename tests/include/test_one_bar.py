"""The page that follows one bar names files and functions that exist."""

from __future__ import annotations

import ast
import re

import pytest

from pipelines.core.settings import ROOT

PAGE = (ROOT / "include" / "one_bar.md").read_text()
STEPS = re.findall(r"^\| (.+) \| ([\w/]+\.py) \| `([\w.]+)` \|$", PAGE, re.MULTILINE)
ROOMS = ("plugins", "dags", "jobs", "steps", "landing", "lake", "features", "registry", "modeling",
         "scoring", "sources", "state", "routes")  # fmt: skip


def declared_names(tree: ast.Module | ast.ClassDef, prefix: str = "") -> set[str]:
    """Return the functions and classes of a module, and the methods as Class.method."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(prefix + node.name)
        if isinstance(node, ast.ClassDef):
            names |= declared_names(node, f"{node.name}.")
    return names


def test_every_row_is_read_and_no_room_is_left_out() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    assert len(STEPS) == len(rows) - 1, "all but the heading name a file and a function"
    assert {part for _, file, _ in STEPS for part in file.split("/")} >= set(ROOMS)


@pytest.mark.parametrize(("file", "function"), [step[1:] for step in STEPS])
def test_a_step_names_a_function_that_exists(file: str, function: str) -> None:
    assert function in declared_names(ast.parse((ROOT / file).read_text()))
