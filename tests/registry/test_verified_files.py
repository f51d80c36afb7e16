"""Copies of models' files: whole, verified when read, and only those that were used last."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pipelines.registry.errors import UnsoundModel
from pipelines.registry.verified_files import MOST_FILES, VerifiedFiles

BODY = b"a model"
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> VerifiedFiles:
    return VerifiedFiles(tmp_path / "verified")


def fail() -> bytes:
    raise AssertionError("the copy was not used")


def test_a_file_is_fetched_once(files: VerifiedFiles) -> None:
    assert files.get(DIGEST, lambda: BODY) == BODY
    assert files.get(DIGEST, fail) == BODY


def test_a_changed_copy_is_fetched_again(files: VerifiedFiles) -> None:
    files.get(DIGEST, lambda: BODY)
    copy = files.folder / f"{DIGEST}.onnx"
    copy.write_bytes(b"evil")
    assert files.get(DIGEST, lambda: BODY) == BODY
    assert copy.read_bytes() == BODY


def test_a_copy_that_is_larger_than_a_model_is_not_read(files: VerifiedFiles) -> None:
    files.get(DIGEST, lambda: BODY)
    copy = files.folder / f"{DIGEST}.onnx"
    with copy.open("wb") as sparse:
        sparse.truncate(2**40)
    assert files.get(DIGEST, lambda: BODY) == BODY
    assert copy.read_bytes() == BODY


def test_another_file_than_the_one_decided_on_is_refused(files: VerifiedFiles) -> None:
    with pytest.raises(UnsoundModel, match="not the one decided on"):
        files.get(DIGEST, lambda: b"evil")
    assert not files.folder.exists()


def test_only_the_files_used_last_are_kept(files: VerifiedFiles) -> None:
    files.folder.mkdir()
    for age in range(MOST_FILES + 5):
        file = files.folder / f"{age:064d}.onnx"
        file.write_bytes(b"old")
        os.utime(file, (age, age))
    files.get(DIGEST, lambda: BODY)
    names = {file.stem for file in files.folder.iterdir()}
    assert names == {DIGEST, *(f"{age:064d}" for age in range(6, MOST_FILES + 5))}


def test_a_failed_write_leaves_no_file(
    files: VerifiedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_to_replace(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail_to_replace)
    with pytest.raises(OSError, match="no space left"):
        files.get(DIGEST, lambda: BODY)
    assert list(files.folder.iterdir()) == []
