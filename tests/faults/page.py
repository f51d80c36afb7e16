"""The page include/RELIABILITY.md, written of the table."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.faults.table import FAULTS

PAGE = Path(__file__).resolve().parents[2] / "include" / "RELIABILITY.md"
HEAD = """# What may go wrong, and what is promised then

Each fault below has tests that cause it. Most of them are run by `make test` and
`make test-integration`; `make torture` runs all of them to the end, with more rounds and more
made-up cases, goes on where it was stopped, and prints this table with what was seen.

After each fault `bullion verify` finds nothing and the rows are those of a run that nothing
disturbed, or a sentence says what to do.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [HEAD]
    for area, faults in groupby(FAULTS, key=lambda fault: fault.area):
        parts.append(f"\n## {area}\n\n| Fault | Promise | Tests |\n|---|---|---|\n")
        for fault in faults:
            tests = "<br>".join(f"`{each.partition('::')[0]}`" for each in fault.tests)
            parts.append(f"| {fault.name} | {fault.promise} | {tests} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
