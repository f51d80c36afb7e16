"""The bullion command run in this process, or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from pipelines import cli

Bullion = Callable[..., tuple[int, str, str]]


def run_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bullion:
    """Runs a command: its exit code, what it printed, what it complained of."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["bullion", *words])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def run_process(*words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, which runs `before` first."""
    script = (
        "import os, signal, sys, threading\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"{before}\n"
        "from pipelines import cli\n"
        f"sys.argv = {['bullion', *words]!r}\n"
        "cli.main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
