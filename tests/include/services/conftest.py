"""Settings of services in a folder of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.services.settings import Services


@pytest.fixture
def config(tmp_path: Path) -> Services:
    return Services(home=tmp_path / "home")
