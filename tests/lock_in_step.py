"""Does requirements.txt still answer requirements.in? Run by `make check`; needs no network."""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def lines(file: Path) -> list[Requirement]:
    found = []
    for line in file.read_text().splitlines():
        text = line.split("#")[0].rstrip("\\ ").strip()
        if text and not text.startswith("-"):
            found.append(Requirement(text))
    return found


def differences() -> list[str]:
    """What requirements.in asks for and the lock does not give, in words."""
    locked = {canonicalize_name(r.name): r for r in lines(ROOT / "requirements.txt")}
    told = []
    for wanted in lines(ROOT / "requirements.in"):
        found = locked.get(canonicalize_name(wanted.name))
        if found is None:
            told.append(f"{wanted.name} is not locked")
            continue
        version = next(iter(found.specifier)).version
        if not wanted.specifier.contains(version, prereleases=True):
            told.append(f"{wanted} is asked for, {version} is locked")
    return told


if __name__ == "__main__":
    problems = differences()
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit("requirements.txt is out of step: run `make lock`")
    print("requirements.txt is in step with requirements.in")
