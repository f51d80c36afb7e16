"""The folders of the tests lie in memory only where there is enough of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.temporary_root import VARIABLE, choose_root


@pytest.mark.parametrize(
    ("folder", "needed", "chosen"), [("", 0, True), ("", 1 << 60, False), ("none", 0, False)]
)
def test_memory_is_chosen_where_it_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, needed: int, chosen: bool
) -> None:
    monkeypatch.setattr(os, "environ", {})
    choose_root(tmp_path / folder, needed)
    assert os.environ.get(VARIABLE) == (str(tmp_path / folder) if chosen else None)


def test_another_place_that_is_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {VARIABLE: "/elsewhere"})
    choose_root(tmp_path, 0)
    assert os.environ[VARIABLE] == "/elsewhere"
