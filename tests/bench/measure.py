"""Timing in fresh processes, so that memory is counted for each alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Run:
    """One measured run: seconds of the work itself, and the whole process's peak memory."""

    seconds: float
    peak_mib: float
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    ours: str
    peer: str
    ratio: str
    note: str

    def cells(self) -> tuple[str, str, str, str, str]:
        return self.what, self.ours, self.peer, self.ratio, self.note


def child(module: str, *arguments: str, env: dict[str, str] | None = None) -> Run:
    """Run a module that prints one JSON object: seconds, peak_mib and a note."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{done.stderr}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def compared(what: str, ours: list[Run], peer: list[Run], peer_name: str) -> Figure:
    """Medians of runs taken in turn, and the median of the ratios pair by pair."""
    ratios = sorted(a.seconds / b.seconds for a, b in zip(ours, peer, strict=True))
    return Figure(
        what,
        f"{median(r.seconds for r in ours):.3f} s, {max(r.peak_mib for r in ours):.0f} MiB",
        f"{median(r.seconds for r in peer):.3f} s, {max(r.peak_mib for r in peer):.0f} MiB "
        f"({peer_name})",
        f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        ours[0].note,
    )
