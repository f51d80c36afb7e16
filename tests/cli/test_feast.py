"""`bullion feast`: which program it calls, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cli import feast
from pipelines.core.errors import InvalidRequest


def test_a_program_that_is_not_there_is_named_with_the_way_to_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(feast, "OWN", tmp_path / "own")
    for name in (None, "/nowhere/feast"):
        with pytest.raises(InvalidRequest) as error:
            feast._find_program(name)
        assert "make install-feast" in error.value.hint


def test_the_own_environments_program_is_taken_where_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own, named = tmp_path / "own", tmp_path / "named"
    for file in (own, named):
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(feast, "OWN", own)
    assert feast._find_program(None) == own
    assert feast._find_program(str(named)) == named
