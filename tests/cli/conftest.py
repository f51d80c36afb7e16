"""The bullion command on a lake of the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from tests.commands import Bullion, run_here
from tests.steps.served import fresh_registry


@pytest.fixture
def bullion(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bullion:
    """Runs a command: its exit code, what it printed, what it complained of."""
    # A table is as wide as the console, which was made when the module was.
    monkeypatch.setattr("pipelines.cli.app.out._width", 240)
    return run_here(monkeypatch, capsys)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An empty registry of the test, which the commands use."""
    registry = fresh_registry(tmp_path / "mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    return registry
