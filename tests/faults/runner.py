"""Run the tests of each fault to their end, and remember what was seen: it can be resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.faults.table import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".torture" / "results.json"
LONGEST = "5400"  # seconds of a single test
PASSED, NO_TESTS = 0, 5  # exit codes of pytest


@dataclass(frozen=True)
class Result:
    """What the tests of a fault showed."""

    passed: int
    failed: int
    skipped: int
    seconds: float

    @property
    def is_kept(self) -> bool:
        return self.failed == 0 and self.passed > 0

    @property
    def summary(self) -> str:
        parts = [f"{self.passed} passed"]
        parts += [f"{self.failed} FAILED"] if self.failed else []
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        return f"{', '.join(parts)} in {self.seconds:,.0f} s"


class Memory:
    """What was seen of each fault at this commit. It lies in a file, so that a run goes on."""

    def __init__(self, path: Path = STATE, commit: str | None = None) -> None:
        self._path, self.commit = path, _commit() if commit is None else commit
        content = json.loads(path.read_text()) if path.exists() else {}
        results = content.get("results", {}) if content.get("commit") == self.commit else {}
        self.results = {name: Result(**values) for name, values in results.items()}

    def add(self, fault: Fault, result: Result) -> None:
        self.results[fault.name] = result
        rows = {name: asdict(each) for name, each in self.results.items()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".part")
        draft.write_text(json.dumps({"commit": self.commit, "results": rows}, indent=1))
        draft.replace(self._path)

    def missing(self, faults: Iterable[Fault] = FAULTS) -> list[Fault]:
        """Return the faults that were not seen to be kept yet."""
        return [
            each
            for each in faults
            if each.name not in self.results or not self.results[each.name].is_kept
        ]


def run_fault(fault: Fault) -> Result:
    """Run the tests of a fault, two at a time; their output goes to the terminal."""
    with tempfile.TemporaryDirectory() as folder:
        report, began = Path(folder) / "report.xml", time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal"]
        command += ["--timeout", LONGEST, "--junitxml", str(report)]
        command += ["-m", fault.marks] if fault.marks else []
        environment = os.environ | {"BULLION_TEST_TIMES": str(fault.times)}
        ended = subprocess.run([*command, *fault.tests], cwd=ROOT, env=environment)
        seconds = time.monotonic() - began
        if ended.returncode == NO_TESTS or not report.exists():
            return Result(0, 1, 0, seconds)
        result = read_report(report.read_text(), seconds)
    return result if ended.returncode == PASSED or result.failed else Result(0, 1, 0, seconds)


def read_report(text: str, seconds: float) -> Result:
    """Count what pytest's report says."""
    suites = ElementTree.fromstring(text).iter("testsuite")
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in suites:
        for name in counts:
            counts[name] += int(suite.get(name, 0))
    failed = counts["failures"] + counts["errors"]
    passed = counts["tests"] - failed - counts["skipped"]
    return Result(passed, failed, counts["skipped"], seconds)


def _commit() -> str:
    """Return the commit of the tree, and a mark where it was changed since."""
    words = ["git", "-C", str(ROOT)]
    head = subprocess.run([*words, "rev-parse", "HEAD"], capture_output=True, text=True)
    changes = subprocess.run(
        [*words, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True
    )
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "")
