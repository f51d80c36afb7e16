"""A dashboard over an API over a lake that the real steps wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.build_once import build_once
from tests.dashboard.screens import dashboard_settings, serve_lake
from tests.serving.scored_api import build_folder


@pytest.fixture(scope="session")
def scored_folder() -> Path:
    """The folder of a lake with signals, predictions and news; no test may write to it."""
    return build_once("scored", build_folder)


@pytest.fixture(scope="package")
def api_address(scored_folder: Path) -> Iterator[str]:
    """The address of an API at night after the last session: its newest signal is live."""
    with serve_lake(scored_folder) as address:
        yield address


@pytest.fixture
def dashboard(api_address: str) -> Iterator[None]:
    """The dashboard reads that API, and asks anew at each drawing."""
    with dashboard_settings(api=api_address, fresh_seconds="0"):
        yield
