"""Modules are found by their place in a package, in an order that never changes by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

from pipelines.core.discovery import declared_objects, module_names
from pipelines.core.errors import InvalidRequest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "found_package"
    (folder / "gamma").mkdir(parents=True)
    files = {
        "__init__.py": "",
        "base.py": "NUMBER = 1",
        "_private.py": "NUMBER = 2",
        "alpha.py": "SECOND, FIRST = 2.5, 1.5",
        "beta.py": "from found_package.alpha import FIRST\nTEXT = 'x'",
        "gamma/__init__.py": "ONLY = 3.5",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield str(folder)
    for name in [name for name in sys.modules if name.startswith("found_package")]:
        del sys.modules[name]


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, float)


def test_those_named_come_first_and_the_others_by_name(package: str) -> None:
    assert module_names([package]) == ("alpha", "beta", "gamma")
    assert module_names([package], first=("gamma",)) == ("gamma", "alpha", "beta")
    assert "found_package" not in sys.modules, "nothing is imported"


def test_a_name_without_a_module_is_refused(package: str) -> None:
    with pytest.raises(InvalidRequest, match="did you mean gamma"):
        module_names([package], first=("gama",))


def test_each_object_is_returned_once_in_the_order_of_its_lines(package: str) -> None:
    names = module_names([package])
    assert declared_objects("found_package", names, is_number) == (2.5, 1.5, 3.5)


def test_the_names_of_sources_cost_no_heavy_import() -> None:
    code = "import sys, pipelines.sources; print({'pyarrow', 'numpy', 'pandas'} & set(sys.modules))"
    root = Path(__file__).resolve().parents[2]
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "set()"
