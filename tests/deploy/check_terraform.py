"""Check the Terraform files without a cloud: python -m tests.deploy.check_terraform [FOLDER]

hcl2 parses them; what they name must be declared, and no secret may stand in them. checkov
holds them to its rules for AWS: it asks nobody, and what a file leaves out has a reason beside it.
It runs in the environment of requirements-deploy.txt, within `make check`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "include" / "deploy" / "terraform"
CHECKOV = Path(sys.executable).with_name("checkov")
LEAST_CHECKS = 80  # that must have passed: else checkov looked at nothing
REFERENCE = re.compile(
    r"\b(?:(?P<data>data)\.)?(?P<kind>var|local|(?:aws|random)_\w+)\.(?P<name>\w+)"
)
SECRET = re.compile(r"password|secret|token|access_key", re.IGNORECASE)
Blocks = dict[str, Any]


def parse(folder: Path) -> tuple[Blocks, list[str]]:
    """Return the blocks of all files by their address, and what cannot be parsed."""
    import hcl2

    blocks, problems = {}, []
    for file in sorted(folder.glob("*.tf")):
        try:
            with file.open() as stream:
                content = hcl2.load(stream)
        except Exception as error:  # the parser has many
            problems.append(f"{file.name}: {str(error).splitlines()[0]}")
            continue
        for kind, entries in content.items():
            if kind.startswith("__"):  # the parser's own notes
                continue
            for entry in entries:
                for address, body in addresses(kind, entry):
                    if address in blocks and kind not in ("terraform", "provider"):
                        problems.append(f"{file.name}: {address} is declared twice")
                    blocks[address] = body
    return blocks, problems


def addresses(kind: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the address and body of each block: var.name, local.name, aws_kind.name, data...."""
    plain = {key.strip('"'): body for key, body in entry.items() if not key.startswith("__")}
    for first, body in plain.items():
        if kind in ("resource", "data"):
            for name, inner in body.items():
                if not name.startswith("__"):
                    yield f"{'data.' if kind == 'data' else ''}{first}.{name.strip(chr(34))}", inner
        elif kind == "locals":
            yield f"local.{first}", body
        else:
            yield f"{'var' if kind == 'variable' else kind}.{first}", body


def own_problems(folder: Path) -> Iterator[str]:
    """Yield what is not declared, not pinned, not described, or secret."""
    blocks, problems = parse(folder)
    yield from problems
    text = "\n".join(
        re.sub(r"^\s*#.*$", "", file.read_text(), flags=re.MULTILINE)
        for file in sorted(folder.glob("*.tf"))
    )
    used = set()
    for match in REFERENCE.finditer(text):
        address = f"{'data.' if match['data'] else ''}{match['kind']}.{match['name']}"
        used.add(address)
        if address not in blocks:
            yield f"{address} is named, and declared nowhere"
    for address, body in blocks.items():
        if address.startswith("var."):
            if address not in used:
                yield f"{address} is declared, and used nowhere"
            if not {"type", "description"} <= {*body}:
                yield f"{address} has no type or no description"
            if SECRET.search(address) and "default" in body:
                yield f"{address} has a secret as its default"
    if "required_providers" not in text or "required_version" not in text:
        yield "the versions of Terraform and its providers are not pinned"
    for name, value in re.findall(r"^\s*(\w+)\s*=\s*\"([^\"$]+)\"\s*$", text, re.MULTILINE):
        if SECRET.search(name) and name != "http_tokens":  # which says whether they are needed
            yield f"{name} is written out: {value[:2]}..."


def checkov_problems(folder: Path, least: int = LEAST_CHECKS) -> Iterator[str]:
    """Yield the rules of checkov that fail; without any check it has looked at nothing."""
    arguments = ["--directory", str(folder), "--framework", "terraform", "--output", "json"]
    answer = subprocess.run(
        [CHECKOV, *arguments, "--compact", "--quiet", "--skip-download"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        report = json.loads(answer.stdout)
    except ValueError:
        yield f"checkov says nothing: {answer.stderr[-500:]}"
        return
    summary = report.get("summary", report)
    if summary.get("passed", 0) < least:
        yield f"only {summary.get('passed', 0)} checks of checkov passed, of at least {least}"
    if summary.get("parsing_errors"):
        yield f"checkov cannot parse {summary['parsing_errors']} files"
    for failure in report.get("results", {}).get("failed_checks", ()):
        yield f"{failure['check_id']} {failure['resource']}: {failure['check_name']}"


def find_problems(folder: Path = FOLDER, least: int = LEAST_CHECKS) -> list[str]:
    """Return in words what is wrong with the files of a folder."""
    if not list(folder.glob("*.tf")):
        return [f"{folder} has no Terraform files"]
    return [*dict.fromkeys(own_problems(folder)), *checkov_problems(folder, least)]


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0]) if arguments else FOLDER
    problems = find_problems(folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(f"{len(problems)} problems of the Terraform files in {folder.name}")
    print("the Terraform files parse, and hold checkov's rules; they were never applied")


if __name__ == "__main__":
    main(sys.argv[1:])
