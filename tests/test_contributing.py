"""The tree in CONTRIBUTING.md is the tree that exists, in the order that make check holds."""

from __future__ import annotations

import re
import tomllib

from pipelines.core.settings import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
TREE = PAGE.split("```")[1]


def shown_packages(name: str) -> list[str]:
    """Return the packages shown below one folder, from top to bottom."""
    below = re.split(rf"^{name}/ .*\n", TREE, flags=re.MULTILINE)[1]
    lines = re.match(r"(?:  .*\n)*", below)
    assert lines
    heads = [re.split(r" {3,}", line.strip())[0] for line in lines[0].splitlines()]
    return [part.rstrip("/") for head in heads for part in head.split()]


def held_packages(name: str) -> list[str]:
    """Return the packages in the order of the contract that import-linter holds."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [contract] = [c for c in options["contracts"] if c.get("containers") == [name]]
    return [part for layer in contract["layers"] for part in layer.split(" | ")]


def test_the_tree_shows_the_packages_in_the_order_that_is_held() -> None:
    for name in ("pipelines", "serving"):
        shown = shown_packages(name)
        assert shown == held_packages(name)
        modules = {path.stem for path in (ROOT / name).glob("*.py")} - {"__init__"}
        packages = {path.parent.name for path in (ROOT / name).glob("*/__init__.py")}
        assert set(shown) <= packages | modules
        assert packages <= set(shown)


def test_every_package_of_pipelines_has_its_words() -> None:
    text = PAGE.split("```")[2]
    for name in shown_packages("pipelines"):
        assert f"**{name}**" in text, name
