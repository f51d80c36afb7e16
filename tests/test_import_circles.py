"""A circle of imports is found, also one through a package's __init__ or for types alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.import_circles import find_circle

FOR_TYPES = (
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {package} import {name}\n"
)


def write(folder: Path, package: str, files: dict[str, str]) -> None:
    (folder / package).mkdir()
    for name, text in {"__init__": "", **files}.items():
        (folder / package / f"{name}.py").write_text(text)


@pytest.mark.parametrize(
    ("package", "files", "circle"),
    [
        ("straight_line", {"upper": "from straight_line import lower", "lower": ""}, set()),
        (
            "for_types",
            {
                "upper": "from for_types import lower",
                "lower": FOR_TYPES.format(package="for_types", name="upper"),
            },
            {"for_types.upper", "for_types.lower"},
        ),
        (
            "through_package",
            {"__init__": "from .door import Lake", "door": "from through_package import Lake"},
            {"through_package", "through_package.door"},
        ),
    ],
)
def test_a_circle_is_found(
    package: str,
    files: dict[str, str],
    circle: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path, package, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert set(find_circle(package)) == circle
