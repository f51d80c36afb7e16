"""Where releases are kept, and which address is which place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.release.settings import release_settings


def test_the_folder_is_in_that_of_the_state_unless_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_STATE", str(tmp_path))
    assert release_settings().place == tmp_path / "release"
    monkeypatch.setenv("BULLION_RELEASE_FOLDER", str(tmp_path / "own"))
    assert release_settings().place == tmp_path / "own"


def test_each_place_has_its_address() -> None:
    settings = release_settings()
    assert settings.address("first") != settings.address("second")


def test_an_address_without_a_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_RELEASE_FIRST", "http://api")
    with pytest.raises(InvalidRequest, match="BULLION_RELEASE_FIRST"):
        release_settings()
