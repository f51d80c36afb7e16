"""Errors say what was wrong and what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import BullionError, CannotWrite, missing_library, unknown, writing_to


def test_an_error_shows_its_hint_in_a_line_of_its_own() -> None:
    assert str(BullionError("the lake is locked", "wait")) == "the lake is locked\n  Hint: wait"
    assert str(BullionError("the lake is locked")) == "the lake is locked"


def test_an_unknown_name_is_refused_with_the_nearest_ones_or_with_all() -> None:
    names = ("sample", "sample_noise", "yahoo")
    error = unknown("source", "smaple", names)
    assert error.message == "unknown source 'smaple'"
    assert error.hint == "did you mean sample or sample_noise?"
    assert unknown("source", "qqq", names).hint == "known: sample, sample_noise, yahoo"
    hint = unknown("symbol", "qqq", (f"{n:03}" for n in range(21))).hint
    assert hint.endswith(", 019, ...")


def test_a_failed_write_names_its_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotWrite, match="No space left on device") as caught,
        writing_to(tmp_path),
    ):
        Path("/dev/full").write_text("x")
    assert str(tmp_path) in caught.value.message
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(ValueError, match="other"), writing_to(tmp_path):
        raise ValueError("other")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_named_with_the_command_that_installs_it() -> None:
    error = missing_library("torch", "make install-torch")
    assert error.message == "torch is not installed: make install-torch"
    assert "goes on without it" in error.hint
