"""One lake that the real steps wrote, and the API over it, for the tests that only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.serving.served import filled, made_once, served


@pytest.fixture(scope="session")
def scored_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No test may write to it."""
    return made_once(tmp_path_factory, "scored", filled)


@pytest.fixture(scope="module")
def api(scored_folder: Path) -> Iterator[TestClient]:
    """At night after the last session: the newest signal is live and not stale."""
    with served(scored_folder) as client:
        yield client
