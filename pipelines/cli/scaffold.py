"""A new feature, label, source, forecast or task: one file, one line, one test.

`bullion new` writes the file and its test from include/scaffolds, and puts the line where things
of that kind are registered. What it writes works and passes its test; then it is yours to change.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from pipelines.core.errors import InvalidRequest, unknown, writing_to
from pipelines.core.settings import ROOT

SCAFFOLDS = ROOT / "include" / "scaffolds"
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Kind:
    """Where things of one kind live, and how they are registered."""

    folder: str  # of the module, below the root; its tests mirror it
    imported: str = ""  # the name that is imported from the module; empty: nothing is registered
    tuple_name: str = ""  # that names them all, in the package's __init__
    entry: str = ""  # what is put into it

    def line(self, name: str) -> str:
        return _filled(self.entry, name)


KINDS = {
    "feature": Kind("pipelines/features", "$name", "HOURLY", "$name(20)"),
    "label": Kind("pipelines/labels", "$Name", "LABELS", "$Name()"),
    "source": Kind("pipelines/sources", "$Name", "SOURCES", "$Name"),
    "forecast": Kind("pipelines/forecasts", "$NAME", "FORECASTS", "$NAME"),
    "task": Kind("pipelines/steps"),
}


def new(kind: str, name: str, meaning: str = "", root: Path = ROOT) -> list[str]:
    """Write the file, the test and the line; what was done, in words."""
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} cannot name a {kind}",
            "use small letters, digits and _: it becomes a module and a column, table or DAG",
        )
    chosen = KINDS[kind]
    module = root / chosen.folder / f"{name}.py"
    test = root / "tests" / Path(chosen.folder).name / f"test_{name}.py"
    for path in (module, test):
        if path.exists():
            raise InvalidRequest(f"{path.relative_to(root)} is there already", "choose a name")
    told = []
    meaning = meaning.rstrip(".") or name.replace("_", " ").capitalize()
    for path, scaffold in ((module, f"{kind}.py.txt"), (test, f"test_{kind}.py.txt")):
        text = _filled((SCAFFOLDS / scaffold).read_text(), name, meaning)
        with writing_to(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        told.append(f"wrote {path.relative_to(root)}")
    if chosen.tuple_name:
        registry = root / chosen.folder / "__init__.py"
        package = chosen.folder.replace("/", ".")
        imported = f"from {package}.{name} import {_filled(chosen.imported, name)}"
        text = registered(registry.read_text(), imported, chosen.tuple_name, chosen.line(name))
        with writing_to(registry.parent):
            fresh = registry.with_suffix(".fresh")  # a full disk must not empty the module
            fresh.write_text(text)
            fresh.replace(registry)
        told.append(f"put {chosen.line(name)} into {chosen.tuple_name} of {chosen.folder}")
    return told


def registered(text: str, imported: str, tuple_name: str, entry: str) -> str:
    """The text of a module with an import, and an entry at the end of one of its tuples."""
    tree = ast.parse(text)
    targets = [
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == tuple_name
        and isinstance(node.value, ast.Tuple)
    ]
    if not targets:
        raise InvalidRequest(f"there is no tuple {tuple_name} to put {entry} into")
    made = targets[0]
    lines = text.splitlines(keepends=True)
    last = made.elts[-1] if made.elts else None
    line, column = (
        (last.end_lineno, last.end_col_offset) if last else (made.lineno, made.col_offset + 1)
    )
    assert line is not None
    assert column is not None
    at = lines[line - 1]
    before, after = at.encode()[:column].decode(), at.encode()[column:].decode()
    lines[line - 1] = f"{before}{', ' if last else ''}{entry}{'' if last else ','}{after}"
    place = max(
        node.end_lineno or 0
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipelines")
    )
    lines.insert(place, f"{imported}\n")
    return "".join(lines)


def _filled(text: str, name: str, meaning: str = "") -> str:
    words = {"name": name, "NAME": name.upper(), "meaning": meaning}
    camel = "".join(part.capitalize() for part in name.split("_"))
    return Template(text).substitute(words | {"Name": camel})
