"""A new feature, label, source, universe, forecast or task: one file and one test.

`bullion new` writes both from include/scaffolds. What it writes works and passes its test; then it
is yours to change. All but features are found because their file is there. A feature also joins
a set, whose order is that of the columns, and so cannot follow from file names: HOURLY, or
INTERMARKET where it reads other symbols.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from pipelines.core.errors import InvalidRequest, unknown, writing_to
from pipelines.core.settings import ROOT
from pipelines.core.universes import universe, universe_names
from pipelines.features.inputs import BARS, Input, Reference, bars, input_name

SCAFFOLDS = ROOT / "include" / "scaffolds"
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Kind:
    """Where things of one kind live; and of a feature, the tuple that it joins."""

    folder: str  # of the file, below the root; its tests mirror it
    suffix: str = ".py"
    imported: str = ""  # the name that is imported from the module; empty: the file is enough
    tuple_name: str = ""  # the tuple in the package's __init__ that it joins
    entry: str = ""  # what is put into the tuple


KINDS = {
    "feature": Kind("pipelines/features", ".py", "$name", "$feature_set", "$name(20)"),
    "label": Kind("pipelines/labels"),
    "source": Kind("pipelines/sources"),
    "universe": Kind("include/universes", ".csv"),
    "forecast": Kind("pipelines/forecasts"),
    "task": Kind("pipelines/steps/$room"),
}
ROOM = "data"
INPUTS = "low,close"  # of a feature
UNIVERSE = "qqq"


def step_rooms(root: Path = ROOT) -> list[str]:
    """Return the packages of pipelines/steps: a task's step stands in one of them."""
    return sorted(path.parent.name for path in (root / "pipelines/steps").glob("*/__init__.py"))


def new(
    kind: str,
    name: str,
    meaning: str = "",
    root: Path = ROOT,
    room: str | None = None,
    universe_name: str | None = None,
    inputs: str | None = None,
) -> list[str]:
    """Write the file and its test, and a feature's line; return what was done, in words."""
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} cannot name a {kind}",
            "use small letters, digits and _: it becomes a module and a column, table or DAG",
        )
    if room is not None and kind != "task":
        raise InvalidRequest(f"a {kind} has no room", "leave out --room: it is for a task")
    if universe_name is not None and kind != "forecast":
        raise InvalidRequest(
            f"a {kind} names no universe", "leave out --universe: it is for a forecast"
        )
    if inputs is not None and kind != "feature":
        raise InvalidRequest(f"a {kind} has no inputs", "leave out --inputs: it is for a feature")
    if universe_name is not None:
        universe(universe_name)
    if kind == "universe" and _is_universe(name):
        raise InvalidRequest(f"there is a universe {name} already", "choose another name")
    room = room or ROOM
    if kind == "task" and room not in step_rooms(root):
        raise unknown("room", room, step_rooms(root))
    meaning = meaning.rstrip(".") or name.replace("_", " ").capitalize()
    words = _words(name, meaning, room, universe_name or UNIVERSE)
    words |= describe_inputs(inputs or INPUTS)
    template = "feature_of" if inputs else kind
    folder, suffix = Template(KINDS[kind].folder).substitute(words), KINDS[kind].suffix
    module = root / folder / f"{name}{suffix}"
    test = root / "tests" / folder.removeprefix("pipelines/") / f"test_{name}.py"
    for path in (module, test):
        if path.exists():
            raise InvalidRequest(f"{path.relative_to(root)} is there already", "choose a name")
    actions = []
    for path, scaffold in ((module, f"{template}{suffix}.txt"), (test, f"test_{template}.py.txt")):
        text = Template((SCAFFOLDS / scaffold).read_text()).substitute(words)
        with writing_to(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        actions.append(f"wrote {path.relative_to(root)}")
    if KINDS[kind].tuple_name:
        actions.append(_join_tuple(KINDS[kind], folder, name, words, root))
    return actions


def _join_tuple(kind: Kind, folder: str, name: str, words: dict[str, str], root: Path) -> str:
    """Put a module's entry into the tuple of its package; return what was done, in words."""
    registry = root / folder / "__init__.py"
    imported, tuple_name, entry = (
        Template(text).substitute(words) for text in (kind.imported, kind.tuple_name, kind.entry)
    )
    line = f"from {folder.replace('/', '.')}.{name} import {imported}"
    text = registered(registry.read_text(), line, tuple_name, entry)
    with writing_to(registry.parent):
        new_file = registry.with_suffix(".fresh")  # a full disk must not empty the module
        new_file.write_text(text)
        new_file.replace(registry)
    return f"put {entry} into {tuple_name} of {folder}"


def registered(text: str, imported: str, tuple_name: str, entry: str) -> str:
    """Return a module's text with one import more, and an entry at the end of one of its tuples."""
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
    entries = targets[0]
    lines = text.splitlines(keepends=True)
    end = entries.elts[-1] if entries.elts else None
    line, column = (
        (end.end_lineno, end.end_col_offset) if end else (entries.lineno, entries.col_offset + 1)
    )
    assert line is not None
    assert column is not None
    edited = lines[line - 1].encode()
    before, after = edited[:column].decode(), edited[column:].decode()
    lines[line - 1] = f"{before}{', ' if end else ''}{entry}{'' if end else ','}{after}"
    place = max(
        node.end_lineno or 0
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipelines")
    )
    lines.insert(place, f"{imported}\n")
    return "".join(lines)


def _is_universe(name: str) -> bool:
    try:
        universe(name)
    except InvalidRequest:
        return name in universe_names()  # there, and cannot be read
    return True


def describe_inputs(text: str) -> dict[str, str]:
    """Return what templates say about the inputs of a feature: own columns, or SYMBOL.column."""
    inputs: list[Input] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        symbol, dot, column = part.rpartition(".")
        if not dot and part not in BARS.columns:
            raise unknown("input", part, BARS.columns)
        inputs.append(getattr(bars(symbol), column) if dot else part)
    if len(inputs) < 2:
        raise InvalidRequest(
            f"{text!r} names {len(inputs)} inputs", "name two or more, such as close,QQQ.close"
        )
    references = [i for i in inputs if isinstance(i, Reference)]
    declared = [
        f'bars("{i.subject}").{i.column}' if isinstance(i, Reference) else f'"{i}"' for i in inputs
    ]
    names = [input_name(i) for i in inputs]
    return {
        "inputs": ", ".join(declared),
        "first": names[0],
        "others": ", ".join(f'"{name}"' for name in names[1:]),
        "all_names": ", ".join(f'"{name}"' for name in names),
        "others_in_words": " and ".join(names[1:]),
        "import_bars": "\nfrom pipelines.features.inputs import bars" if references else "",
        "feature_set": "INTERMARKET" if references else "HOURLY",
    }


def _words(name: str, meaning: str, room: str, universe_name: str) -> dict[str, str]:
    """Return what the templates' placeholders stand for."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    return {
        "name": name, "NAME": name.upper(), "Name": camel, "meaning": meaning, "room": room,
        "universe": universe_name,
    }  # fmt: skip
