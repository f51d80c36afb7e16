"""A run of the table counts what pytest says, remembers it, and goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import runner
from tests.faults.runner import Memory, Result, read_report, run_fault
from tests.faults.table import Fault

GOOD, BAD = "def test_it() -> None: ...\n", "def test_it() -> None:\n    assert 0\n"


def fault(*tests: str) -> Fault:
    return Fault("area", "name", "promise", tests)


def test_a_report_is_counted() -> None:
    report = '<testsuites><testsuite tests="7" failures="1" errors="2" skipped="1"/></testsuites>'
    result = read_report(report, 3.4)
    assert result == Result(passed=3, failed=3, skipped=1, seconds=3.4)
    assert result.summary == "3 passed, 3 FAILED, 1 skipped in 3 s"
    assert not result.is_kept


def test_what_was_only_skipped_is_not_kept() -> None:
    assert not Result(passed=0, failed=0, skipped=2, seconds=1).is_kept


@pytest.mark.parametrize(
    ("content", "expected"), [(GOOD, (1, 0)), (BAD, (0, 1)), ("", (0, 1)), ("x = 1 /", (0, 1))]
)
def test_the_tests_of_a_fault_are_run(
    content: str, expected: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_of_a_fault.py").write_text(content)
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    result = run_fault(fault("test_of_a_fault.py"))
    assert (result.passed, result.failed) == expected


def test_a_run_goes_on_at_the_same_commit_alone(tmp_path: Path) -> None:
    one, other, path = fault("a"), Fault("area", "other", "promise", ("b",)), tmp_path / "seen.json"
    memory = Memory(path, "c1")
    memory.add(one, Result(1, 0, 0, 1.0))
    memory.add(other, Result(1, 1, 0, 1.0))
    assert Memory(path, "c1").missing([one, other]) == [other]
    assert Memory(path, "c2").missing([one, other]) == [one, other]
