"""The table names tests that are there, and its page is in step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.page import PAGE, page
from tests.faults.table import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_tests_of_a_fault_are_there(fault: Fault) -> None:
    for each in fault.tests:
        path, _, name = each.partition("::")
        assert (ROOT / path).exists(), each
        assert not name or f"\ndef {name}(" in (ROOT / path).read_text(), each


def test_each_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_every_test_that_is_only_run_by_torture_is_in_the_table() -> None:
    mark = "mark." + "torture"
    named = {test.partition("::")[0] for fault in FAULTS for test in fault.tests}
    for path in (ROOT / "tests").rglob("*.py"):
        if mark in path.read_text() and path.name.startswith("test_"):
            relative = path.relative_to(ROOT)
            folders = {str(parent) for parent in relative.parents}
            assert named & {str(relative), *folders}, f"{relative} is no test of a fault"


def test_the_page_is_that_of_the_table() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.faults.page"
