"""The bullion command on a lake of the test."""

from __future__ import annotations

import pytest

from pipelines.lake import Lake
from tests.commands import Bullion, run_here


@pytest.fixture
def bullion(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bullion:
    """Runs a command: its exit code, what it printed, what it complained of."""
    # A table is as wide as the console, which was made when the module was.
    monkeypatch.setattr("pipelines.cli.app.out._width", 240)
    return run_here(monkeypatch, capsys)
