"""`make torture`: run the tests of every fault to their end, and print the table.

It goes on where it was stopped, as long as the tree is the same; with --fresh from the start.
Words choose the faults whose area or name has them.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.faults.runner import Memory, run_fault
from tests.faults.table import FAULTS


def main(words: list[str]) -> int:
    memory, console = Memory(), Console()
    if "--fresh" in words:
        memory.results.clear()
    words = [word.lower() for word in words if word != "--fresh"]
    faults = [f for f in FAULTS if all(w in f"{f.area} {f.name}".lower() for w in words)]
    missing = memory.missing(faults)
    for number, fault in enumerate(missing, start=len(faults) - len(missing) + 1):
        console.rule(f"{number} of {len(faults)}: {fault.name}")
        memory.add(fault, run_fault(fault))
    table = Table("fault", "promise", "seen", title=f"commit {memory.commit[:12]}", show_lines=True)
    for fault in faults:
        table.add_row(fault.name, fault.promise, memory.results[fault.name].summary)
    console.print(table)
    return 1 if memory.missing(faults) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
