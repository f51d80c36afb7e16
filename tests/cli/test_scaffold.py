"""The page on adding things, followed to the letter in a copy of the tree."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from pipelines import gates, labels
from pipelines.cli.scaffold import KINDS, new, registered
from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import ROOT
from pipelines.forecasts import FORECASTS, Target
from pipelines.modeling import candidates
from pipelines.modeling.dataset import Split

PAGE = ROOT / "include" / "scaffolds" / "README.md"
COMMANDS = re.findall(r"^    \.venv/bin/((?:bullion|python) .*)$", PAGE.read_text(), re.MULTILINE)
PARTS = (
    "pipelines",
    "include",
    "tests",
    "dags",
    "plugins",
    "data_lake/README.md",
    "pyproject.toml",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    for part in PARTS:
        source, target = ROOT / part, root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)  # with what Python compiled: the times stay the same
        else:
            shutil.copy(source, target)
    return root


def python(copy: Path, *arguments: str) -> str:
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


# Commands that follow each other run in one process: its start takes longer than they do.
SEVERAL = """
import json, sys
from pipelines import cli
for words in json.loads(sys.argv[1]):
    sys.argv = words
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            raise
"""


def test_every_command_of_the_page_leaves_a_tree_that_passes(copy: Path) -> None:
    kinds = []
    commands = [shlex.split(command) for command in COMMANDS]
    for program, group in groupby(commands, lambda words: words[0]):
        if program == "bullion":
            several = list(group)
            kinds += [words[2] for words in several]
            python(copy, "-c", SEVERAL, json.dumps(several))
        else:
            assert program == "python", program
            for words in group:
                python(copy, *words[1:])
    assert list(dict.fromkeys(kinds)) == list(KINDS), "the page shows how to add one of every kind"

    new_tests = sorted(p.relative_to(copy) for p in copy.rglob("test_*.py") if _is_new(p, copy))
    assert len(new_tests) == len(kinds)
    laws = ["tests/features", "tests/labels", "tests/forecasts"]
    laws += ["tests/contracts/test_tables.py", "tests/dags/test_dags.py"]
    python(copy, "-m", "pytest", "-q", *map(str, new_tests), *laws)
    new_modules = [path.relative_to(copy) for path in copy.rglob("*.py") if _is_new(path, copy)]
    python(copy, "-m", "ruff", "check", *map(str, new_modules))


@pytest.mark.parametrize("page", [PAGE, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_the_targets_that_the_pages_show_can_be_forecast(page: Path) -> None:
    names: dict[str, object] = {"Target": Target, "Split": Split}
    for module in (gates, labels, candidates):
        names |= {name: getattr(module, name) for name in module.__all__}
    blocks = [
        textwrap.dedent(block)
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    ]
    with_targets = [block for block in blocks if "Target(" in block]
    targets = [target for block in with_targets for target in _targets(block, names)]
    assert [target.label.kind for target in targets] == ["classes", "value"]
    shown = replace(FORECASTS[0], name="shown", targets=tuple(targets))
    assert [target.label.kind for target in shown.per_target()] == ["classes", "value"]


def _targets(code: str, names: dict[str, object]) -> list[Target]:
    """Every target that is named, alone or among others."""
    calls = [call for call in ast.walk(ast.parse(code)) if isinstance(call, ast.Call)]
    named_calls = [call for call in calls if isinstance(call.func, ast.Name)]
    return [eval(ast.unparse(c), dict(names)) for c in named_calls if c.func.id == "Target"]


def _is_new(path: Path, copy: Path) -> bool:
    return not (ROOT / path.relative_to(copy)).exists()


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("featur", "x", "did you mean feature"),
        ("feature", "Low Gap", "small letters"),
        ("feature", "../x", "small letters"),
        ("feature", "returns", "is there already"),
        ("task", "count_rejects", "unknown room 'data'"),
    ],
)
def test_a_wrong_request_writes_nothing(tmp_path: Path, kind: str, name: str, message: str) -> None:
    shutil.copytree(ROOT / "pipelines" / "features", tmp_path / "pipelines" / "features")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InvalidRequest) as refused:
        new(kind, name, root=tmp_path)
    assert message in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("room", ["scoring", None])
def test_a_task_stands_in_the_room_that_is_named(tmp_path: Path, room: str | None) -> None:
    for name in ("data", "scoring"):
        (tmp_path / "pipelines" / "steps" / name).mkdir(parents=True)
        (tmp_path / "pipelines" / "steps" / name / "__init__.py").touch()
    new("task", "count_rejects", root=tmp_path, room=room)
    paths = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*count_rejects.py"))
    assert paths == [
        f"pipelines/steps/{room or 'data'}/count_rejects.py",
        f"tests/steps/{room or 'data'}/test_count_rejects.py",
    ]
    with pytest.raises(InvalidRequest, match="--room"):
        new("feature", "low_gap", root=tmp_path, room="data")
    with pytest.raises(InvalidRequest, match="a label has no inputs"):
        new("label", "low_gap", root=tmp_path, inputs="close,QQQ.close")
    for inputs, message in (
        ("close,QQQ.clsoe", "close"),
        ("clsoe,QQQ.close", "close"),
        ("close", "two or more"),
        ("close,.close", "a symbol"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            new("feature", "low_gap", root=tmp_path, inputs=inputs)
        assert message in str(caught.value), inputs


@pytest.mark.parametrize("entries", ["(A,)", "(A, B)", "(\n    A,\n    B,\n)", "()"])
def test_the_line_is_put_at_the_end_of_the_tuple(entries: str) -> None:
    text = f"from pipelines.a import A, B\n\nALL: tuple[int, ...] = {entries}\n"
    edited = registered(text, "from pipelines.c import C", "ALL", "C")
    names: dict[str, object] = {"A": 1, "B": 2, "C": 3}
    body = edited.replace("from pipelines.a import A, B\nfrom pipelines.c import C\n", "")
    assert body != edited
    exec(body, names)
    assert names["ALL"] == (*(v for k, v in (("A", 1), ("B", 2)) if k in entries), 3)
