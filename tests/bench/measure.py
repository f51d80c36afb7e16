"""Timing in fresh processes, so that memory is counted for each alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class MeasuredRun:
    """One measured run: seconds of the work itself, and the whole process's peak memory."""

    seconds: float
    peak_mib: float
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    ours: str
    peer: str
    ratio: str
    note: str

    def cells(self) -> tuple[str, str, str, str, str]:
        return self.name, self.ours, self.peer, self.ratio, self.note


def run_child(module: str, *arguments: str, env: dict[str, str] | None = None) -> MeasuredRun:
    """Run a module that prints one JSON object: seconds, peak_mib and a note."""
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{process.stderr}")
    return MeasuredRun(**json.loads(process.stdout.splitlines()[-1]))


def compare_runs(
    name: str, own_runs: list[MeasuredRun], peer_runs: list[MeasuredRun], peer_name: str
) -> Figure:
    """Return the medians of runs taken in turn, and the median of their pairwise ratios."""
    ratios = sorted(a.seconds / b.seconds for a, b in zip(own_runs, peer_runs, strict=True))
    return Figure(
        name,
        f"{median(r.seconds for r in own_runs):.3f} s, {max(r.peak_mib for r in own_runs):.0f} MiB",
        f"{median(r.seconds for r in peer_runs):.3f} s, "
        f"{max(r.peak_mib for r in peer_runs):.0f} MiB ({peer_name})",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        own_runs[0].note,
    )
