"""A reader in a process of its own, open while the lake is changed and compacted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from tests.job_server import Jobs
from tests.lake_rows import list_symbols, replace_series

HOW = ("view", "shell", "stream")
NOW = timedelta(0)


def compact_under_a_reader(lake: Lake, jobs: Jobs, how: str, folder: Path) -> list[int]:
    """Read, change and compact twice, read on: the same rows. Snapshots expired meanwhile."""
    for number in range(6):
        replace_series(lake, list_symbols(f"F{number}", 1500), source=f"f{number}")  # to files
    for number in range(3):
        replace_series(lake, list_symbols(f"C{number}", 50), source=f"c{number}")  # to the catalog
    proceed = folder / f"proceed-{how}"
    reader = jobs.start("read_during_compaction", how, str(proceed))
    reader.said("began")
    expired = []
    for version in ("2", "3"):
        for number in range(2):
            replace_series(lake, list_symbols(f"F{number}", 1500), version, source=f"f{number}")
            replace_series(lake, list_symbols(f"C{number}", 40), version, source=f"c{number}")
        expired.append(compact(lake, keep=NOW).expired)
    proceed.touch()
    answer = reader.result()
    assert answer["same"], answer
    assert answer["before"] > 0
    return expired
