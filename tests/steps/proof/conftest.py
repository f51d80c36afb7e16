"""The proven lake as it is, and a copy that a test may change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from pipelines.steps.proof import replay
from tests import empty_lake
from tests.steps.proof.proven_lake import copied_lake, proven_folder, settings_of


@pytest.fixture(autouse=True)
def quick_scratch_lakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scratch lake is copied from an empty one, as making it takes a second."""
    monkeypatch.setattr(
        replay, "create_lake", lambda config, forecast: empty_lake.create_lake(config)
    )


@pytest.fixture(scope="module")
def proven() -> Iterator[tuple[Lake, Registry]]:
    with open_lake(settings_of(proven_folder()), read_only=True) as lake:
        yield lake, Registry(folder=proven_folder())


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[tuple[Lake, Registry]]:
    with copied_lake(tmp_path / "copy") as opened:
        yield opened
