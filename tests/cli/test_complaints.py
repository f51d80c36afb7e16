"""A failure on stderr: what was wrong, and what to do; an error of a declaration too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli import complaints


def test_it_prints_what_was_wrong_and_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    complaints.complain("[red]no[/red] bars", "bring some")
    complaints.complain("no hint", "")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "error: [red]no[/red] bars\n  next: bring some\nerror: no hint\n"


@pytest.mark.parametrize(
    "command",
    [["-m", "pipelines.cli", "status"], ["-m", "serving"]],
    ids=["bullion", "serving"],
)
def test_a_universe_that_cannot_be_read_is_a_sentence_and_no_traceback(
    tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "nasdaq100.csv").write_text("symbol,name,sector,from,to\nAAPL,Apple,Tech,soon,\n")
    process = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"BULLION_UNIVERSES": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    lines = process.stderr.splitlines()
    assert len(lines) == 2, process.stderr
    assert "nasdaq100.csv, line 2: from 'soon' is no date" in lines[0]
    assert lines[1].startswith("  next: ")
    assert "mend that file: write it as 2026-09-01" in lines[1]
