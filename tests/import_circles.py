"""Refuse modules that import each other in a circle. Run by `make check`; needs no network.

import-linter compares packages, and the modules of one package with each other. This also finds a
module that imports the package it stands in, whose __init__ imports the module.
"""

from __future__ import annotations

import sys
from graphlib import CycleError, TopologicalSorter

import grimp

PACKAGES = ("pipelines", "serving")


def find_circle(*packages: str) -> list[str]:
    """Return the modules of one circle of imports; an empty list where there is none."""
    graph = grimp.build_graph(*packages, cache_dir=None, exclude_type_checking_imports=False)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


if __name__ == "__main__":
    if circle := find_circle(*PACKAGES):
        sys.exit(f"modules import each other in a circle: {' <- '.join(circle)}")
    print("no module imports itself, however many others lie between")
