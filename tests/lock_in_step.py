"""Does requirements.txt still answer requirements.in? Run by `make check`; needs no network."""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def lines(file: Path) -> list[Requirement]:
    requirements = []
    for line in file.read_text().splitlines():
        text = line.split("#")[0].rstrip("\\ ").strip()
        if text and not text.startswith("-"):
            requirements.append(Requirement(text))
    return requirements


def differences(lock: str = "requirements") -> list[str]:
    """Return, in words, what NAME.in asks for and NAME.txt does not pin."""
    locked = {canonicalize_name(r.name): r for r in lines(ROOT / f"{lock}.txt")}
    problems = []
    for requirement in lines(ROOT / f"{lock}.in"):
        pin = locked.get(canonicalize_name(requirement.name))
        if pin is None:
            problems.append(f"{requirement.name} is not locked")
            continue
        version = next(iter(pin.specifier)).version
        if not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{requirement} is asked for, {version} is locked")
    return problems


def apart(subset: str = "requirements-serving", full: str = "requirements") -> list[str]:
    """Return, in words, what one lock pins and the other does not pin to the same."""
    known = {canonicalize_name(r.name): r.specifier for r in lines(ROOT / f"{full}.txt")}
    return [
        f"{pin} of {subset}.txt is not what {full}.txt has"
        for pin in lines(ROOT / f"{subset}.txt")
        if known.get(canonicalize_name(pin.name)) != pin.specifier
    ]


def locked_twice(extra: str = "requirements-torch", full: str = "requirements") -> list[str]:
    """Return, in words, what an extra would install over a package of the full lock."""
    known = {canonicalize_name(r.name) for r in lines(ROOT / f"{full}.txt")}
    pins = lines(ROOT / f"{extra}.txt")
    return [
        f"{pin} of {extra}.txt is in {full}.txt too"
        for pin in pins
        if canonicalize_name(pin.name) in known
    ]


if __name__ == "__main__":
    problems = [*differences(), *differences("requirements-serving"), *apart()]
    problems += [*differences("requirements-torch"), *locked_twice()]
    problems += [*differences("requirements-kubernetes"), *locked_twice("requirements-kubernetes")]
    problems += [*differences("requirements-deploy"), *differences("requirements-feast")]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(
            "the locks are out of step: run `make lock`; requirements-torch.txt is kept by hand"
        )
    print("all requirements*.txt are in step with what they are made of")
